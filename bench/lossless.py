"""Store float32 weights losslessly: the size compared with zstd on shuffled bytes, and the speed on one core."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import frformat
from bench import Missing, Row, resnet20_path
from bench.coder import LEVEL, large, timed
from frformat.format.coders.zstd import zstd

Weights = Mapping[str, NDArray[np.float32]]

RUNS = 3
SPEED = 50e6
"""Target speed in bytes of weights per second."""


def run() -> Iterator[Row]:
    """Measure a trained ResNet-20 if it is available, and a network with the shapes of ResNet-50."""
    with contextlib.suppress(Missing):
        yield from _rows("ResNet-20", _trained(), None)
    yield from _rows("shapes of ResNet-50", _large(), SPEED)


def _trained() -> Weights:
    state: dict[str, Any] = torch.load(resnet20_path(), map_location="cpu", weights_only=True)["state_dict"]
    return {name: tensor.numpy() for name, tensor in state.items() if tensor.is_floating_point()}


def _large() -> Weights:
    """Return weights whose exponents are distributed as in real networks, with random mantissas."""
    rng = np.random.default_rng(0)
    arrays = [array.astype(np.float32) / 64 for array in large()]
    return {
        f"{i:02d}": array + rng.normal(0, 1 / 256, array.shape).astype(np.float32) for i, array in enumerate(arrays)
    }


def _rows(name: str, weights: Weights, speed: float | None) -> Iterator[Row]:
    count = sum(array.nbytes for array in weights.values())
    general = len(zstd.compress(b"".join(map(_shuffled, weights.values())), LEVEL))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.frz"
        saving = min(timed(lambda: frformat.save_file(weights, path))[1] for _ in range(RUNS))
        loading = min(timed(lambda: frformat.load_file(path))[1] for _ in range(RUNS))
        size = path.stat().st_size
        back = frformat.load_file(path)
    assert all(np.array_equal(array.view("u4"), back[key].view("u4")) for key, array in weights.items())
    figure = f"{size / general:.3f} × zstd -{LEVEL} on shuffled bytes ({size:,} B / {general:,} B)"
    yield Row(f"{name}, {count:,} B of float32, lossless", figure, "≤ 1 ×", size <= general)
    for what, seconds in (("save", saving), ("load", loading)):
        met = speed is None or count / seconds >= speed
        aim = f"≥ {speed / 1e6:.0f} MB/s" if speed is not None else ""
        yield Row(f"{name}: {what}", f"{count / seconds / 1e6:.0f} MB/s", aim, met)


def _shuffled(array: NDArray[np.float32]) -> bytes:
    """Return the first bytes of all values, followed by their second bytes, and so on."""
    return array.reshape(-1, 1).view(np.uint8).T.tobytes()
