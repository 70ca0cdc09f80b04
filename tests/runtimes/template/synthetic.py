"""Synthetic files of runtimes: literal bytes, and values whose elements are in any order."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path

import ml_dtypes
import numpy as np

from frformat.format.writer import save_file
from frformat.runtimes.template.files import literal, pack
from frformat.runtimes.template.layout import Layout, Normalization, Place, Plain, Scaled, Shifted
from frformat.runtimes.template.places import SERIES, find, numbered

SHAPES = {
    "conv.weight": (4, 3, 2, 2),
    "conv.bias": (4,),
    "norm.weight": (4,),
    "norm.bias": (4,),
    "norm.running_mean": (4,),
    "norm.running_var": (4,),
    "fc.weight": (5, 4),
}
NORMALIZATION = Normalization(1e-5, "norm.running_var", "norm.running_mean", "norm.weight", "norm.bias")
VALUES = (Scaled("conv.weight", 0, 0), Shifted("conv.bias", 0), Plain("fc.weight"))
WORDS = np.random.default_rng(1).bytes(96) + bytes(200)


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Return random weights."""
    random = np.random.default_rng(seed)
    return {
        name: (random.random(shape) + 0.5 if name.endswith("var") else random.normal(size=shape)).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def merged(weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Compute the values from their definition, independently of the package."""
    w = {name: each.astype(np.float32).astype(np.float64) for name, each in weights.items()}
    scale = w["norm.weight"] / np.sqrt(w["norm.running_var"] + 1e-5)
    bias = (w["conv.bias"] - w["norm.running_mean"]) * scale + w["norm.bias"]
    weight = w["conv.weight"] * scale[:, None, None, None]
    return [each.astype(np.float32) for each in (weight, bias, w["fc.weight"])]


def runtime_file(values: list[np.ndarray]) -> bytes:
    """Return a file that contains values: permuted, mirrored, twice, and at an offset that is not a multiple of 4."""
    weight, bias, fc = values
    out = io.BytesIO()
    out.write(WORDS[:41])
    out.write(weight.transpose(0, 2, 3, 1).tobytes())
    out.write(bias.tobytes())
    out.write(bias.tobytes())
    out.write(WORDS[41:50])
    out.write(fc.T[::-1].tobytes())
    out.write(WORDS[50:51])
    out.write(fc[:2].tobytes())
    out.write(hashlib.sha256(bias.tobytes() * 2).hexdigest().encode())
    out.write(WORDS[51:])
    return out.getvalue()


def template() -> bytes:
    """Return the template of the file."""
    shapes = [SHAPES[name] for name in ("conv.weight", "conv.bias", "fc.weight")]
    lengths = [math.prod(shape) for shape in shapes]
    files = [
        runtime_file([n.reshape(s) for n, s in zip(numbered(lengths, series), shapes, strict=True)])
        for series in SERIES
    ]
    places, digests, lost = find(files, lengths)
    assert not lost
    layout = Layout(
        "Synthetic", "tests 1.0", len(files[0]), SHAPES, (NORMALIZATION,), VALUES, tuple(places), tuple(digests),
        {"head.weight": "fc.weight"}, ("norm.num_batches_tracked",),
    )  # fmt: skip
    return pack(layout, literal(files[0], layout))


def partial() -> bytes:
    """Return a template that needs all tensors, but places only the first element of a single value."""
    layout = Layout(
        "Synthetic", "tests 1.0", 4, SHAPES, (NORMALIZATION,), VALUES[:1], (Place(0, 0, 0, ()),),
        ties={"head.weight": "fc.weight"}, unused=("norm.num_batches_tracked",),
    )  # fmt: skip
    return pack(layout, b"")


def unplaced() -> dict[str, dict[str, np.ndarray]]:
    """Return weights that do not fit that template because of elements that it does not place."""
    weights = tensors()
    variances, large = weights["norm.running_var"].copy(), weights["fc.weight"].astype(np.float64)
    variances[-1], large[-1, -1] = -1, 1e300
    half = weights["fc.weight"].astype(np.float16)
    return {
        "scale": weights | {"norm.running_var": variances},
        "large": weights | {"fc.weight": large},
        "tied": weights | {"head.weight": weights["fc.weight"] + 1},
        "bits": weights | {"fc.weight": half, "head.weight": half.view(ml_dtypes.bfloat16)},
    }


def save(path: Path, weights: dict[str, np.ndarray]) -> Path:
    """Write weights to an ``.frz`` file."""
    save_file(weights, path)
    return path
