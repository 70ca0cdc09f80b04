"""The memory budget is a bound on what decoding takes: for every coder and basis, the peak stays within it."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import frformat
from frformat import Axis, CodedTensor, FrzError, Spectrum
from frformat.format.coders import CODERS

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(600, 500)).astype(np.float32)


def _factor(length: int, rank: int) -> CodedTensor:
    return CodedTensor.of_array(RNG.normal(size=(rank, length)).astype(np.float32))


TENSORS = {
    "f32": WEIGHTS,
    "f16": WEIGHTS.astype(np.float16),
    "q8": CodedTensor.of_array(WEIGHTS, "q8", axis=0),
    "spectrum": Spectrum.of(WEIGHTS, k=50_000),
    "factors": CodedTensor(
        WEIGHTS[:60, :50], (600, 500), "f32", (Axis("stored", _factor(600, 60)), Axis("stored", _factor(500, 50)))
    ),
}
NETWORKS = {
    "one tensor": lambda tensor: {"a": tensor},
    "several tensors": lambda tensor: dict.fromkeys("abc", tensor),
}


def _loads(path: Path, budget: int, base: Path | None) -> bool:
    try:
        with frformat.open(path, memory_budget=budget, base=base) as file:
            file.load()
    except FrzError as error:
        if error.code == "BUDGET":
            return False
        raise
    return True


def _peak(path: Path, budget: int, base: Path | None) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        assert _loads(path, budget, base)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _check(path: Path, base: Path | None = None) -> None:
    assert _loads(path, 1 << 30, base)  # imports what decoding needs
    refused, least = 0, 1 << 27
    while least - refused > 4000:
        middle = (refused + least) // 2
        if _loads(path, middle, base):
            least = middle
        else:
            refused = middle
    assert _peak(path, least, base) <= 1.05 * least


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_peak_stays_within_the_least_budget(network: str, kind: str, coder: str, tmp_path: Path) -> None:
    path = tmp_path / "a.frz"
    frformat.save_file(NETWORKS[network](TENSORS[kind]), path, compression=coder)
    _check(path)


@pytest.mark.parametrize("kind", ["f32", "q8"])
def test_delta_files(kind: str, tmp_path: Path) -> None:
    old, new = tmp_path / "old.frz", tmp_path / "new.frz"
    frformat.save_file({"a": TENSORS[kind]}, old)
    frformat.save_file({"a": TENSORS[kind]}, new, base=old)
    _check(new, old)
