"""A synthetic file of a runtime whose values are coefficients, cores, bases and products of bases."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from frformat import Axis, CodedTensor, Spectrum
from frformat.format.writer import save_file
from frformat.runtimes.template.files import literal, pack
from frformat.runtimes.template.layout import Basis, Core, Layout, Normalization, Place, Plain, Product, Scaled, Value
from frformat.runtimes.template.places import SERIES, find, numbered
from frformat.runtimes.template.values import computed
from frformat.spectral import zigzag

Weights = dict[str, "np.ndarray | Spectrum | CodedTensor"]

KEPT = 21
BOX = zigzag.box((8, 6, 3, 3), KEPT)
FORMS = {"conv.weight": (8, 6, 3, 3), "fc.weight": (5, 4), "tucker.weight": (6, 4, -2, 0)}
SHAPES = {
    "conv.weight": (KEPT,),
    "conv.bias": (8,),
    "fc.weight": (9,),
    "tucker.weight": (20,),
    "norm.running_mean": (8,),
    "norm.running_var": (8,),
}
NORMALIZATION = Normalization(1e-3, "norm.running_var", "norm.running_mean")
VALUES: tuple[Value, ...] = (
    Core("conv.weight", BOX, (2, 3)),
    Core("conv.weight", BOX, (0, 1, 2, 3)),
    Core("fc.weight", zigzag.box((5, 4), 9), ()),
    Plain("tucker.weight"),
    Basis(((8, 4),)),
    Basis(((3, 3), (4, 2))),
    Basis(((1, 1),)),
    Product(((20, 4),), 8, ((8, 4),)),
    Plain("conv.bias"),
    Scaled(None, 0, 0),
)


def layout() -> Layout:
    """Return the map, without places."""
    return Layout(
        "Synthetic", "tests 1.0", 0, SHAPES, (NORMALIZATION,), VALUES, (), ties={"head.weight": "fc.weight"},
        unused=("spare",), forms=FORMS,
    )  # fmt: skip


def tensors(seed: int = 0) -> Weights:
    """Return random weights."""
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    return {
        "conv.weight": Spectrum(normal(KEPT), (8, 6, 3, 3)),
        "conv.bias": normal(8),
        "fc.weight": Spectrum(normal(9), (5, 4)),
        "tucker.weight": CodedTensor(normal(2, 4), (6, 4), "f32", (Axis("stored", normal(2, 6)), Axis())),
        "norm.running_mean": normal(8),
        "norm.running_var": random.uniform(0.5, 2, 8).astype(np.float32),
    }


def runtime_file(values: list[np.ndarray]) -> bytes:
    """Return a file that contains all values, some of them rearranged or in part."""
    plan = layout()
    arrays = [array.reshape(plan.shape(value)) for array, value in zip(values, VALUES, strict=True)]
    core, whole, fc, tucker, basis, joint, one, product, bias, scale = arrays
    parts = [
        core.transpose(0, 2, 3, 1), whole.transpose(1, 2, 3, 0), fc.T, tucker, basis, basis[2:6].T, joint.T, one,
        product, bias, scale,
    ]  # fmt: skip
    return b"literal" + b"|".join(part.tobytes() for part in parts) + bytes(40)


def template() -> bytes:
    """Return the template of the file."""
    plan = layout()
    lengths = [math.prod(plan.shape(value)) for value in VALUES]
    files = [runtime_file(numbered(lengths, series)) for series in SERIES]
    places, digests, lost = find(files, lengths)
    assert not lost
    full = replace(plan, size=len(files[0]), places=tuple(places), digests=tuple(digests))
    return pack(full, literal(files[0], full))


def filled(coefficients: dict[str, np.ndarray]) -> bytes:
    """Return the file, given the tensors or their coefficients."""
    return runtime_file([computed(value, layout(), coefficients.__getitem__) for value in VALUES])


def save(path: Path, weights: Weights) -> Path:
    """Write weights to an ``.frz`` file."""
    save_file(weights, path)
    return path


def other_weights() -> dict[str, Weights]:
    """Return weights that do not fit the template."""
    weights = tensors()
    dense = np.zeros((8, 6, 3, 3), np.float32)
    return {
        "fewer": {**weights, "conv.weight": Spectrum(np.ones(KEPT - 1, np.float32), (8, 6, 3, 3))},
        "longer": {**weights, "conv.weight": Spectrum(np.ones(KEPT, np.float32), (9, 6, 3, 3))},
        "dense": {**weights, "conv.weight": dense},
        "large": {**weights, "conv.weight": Spectrum(np.full(KEPT, 3e38, np.float32), (8, 6, 3, 3))},
    }


def faulty() -> dict[str, bytes]:
    """Return templates with a valid seal that break a rule."""
    plan = layout()

    def changed(*values: Value, **changes: Any) -> bytes:
        # The faulty maps have no places, so their literal bytes are the whole file.
        return pack(replace(plan, values=values, size=3, **changes), b"abc")

    shape: tuple[int, ...] = (3, 7)
    return {
        "box": changed(Core("conv.weight", (3, 3, 3, 2), ())),
        "wide": changed(Core("conv.weight", (3, 3, 4, 3), ())),
        "turned": changed(Core("conv.weight", BOX, (3, 2))),
        "rows": changed(Product(((8, 2),), 1, ((8, 2),))),
        "terms": changed(Product(((1 << 14, 1 << 11),), 0, ((1 << 14, 1 << 11),))),
        "spectrum": changed(Core("tucker.weight", (6, 4), ())),
        "empty": changed(Basis(((3, 0),))),
        "coded": changed(Scaled("conv.weight", 0, 0)),
        "axes": changed(Plain("conv.bias"), tensors={**SHAPES, "conv.weight": shape}),
        "kept": changed(Plain("conv.bias"), tensors={**SHAPES, "conv.weight": (1297,)}),
    }


def large() -> bytes:
    """Return a template that needs much memory, although the filled file is small."""
    plan = replace(layout(), values=(Basis(((1 << 20, 1 << 10),)),), size=4, places=(Place(0, 0, 0, ()),))
    return pack(plan, b"")
