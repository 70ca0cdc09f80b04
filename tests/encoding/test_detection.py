from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from frformat import Spectrum
from frformat.checkpoints import Entry
from frformat.encoding.detection import detected_spectra, spectra
from frformat.spectral.sparse import Sparse
from tests.checkpoints.test_safetensors import checkpoint

RNG = np.random.default_rng(1)


def spectral(*shape: int, k: int = 33, dtype: str = "f4") -> np.ndarray:
    coefficients = RNG.standard_normal(k).astype(np.float32)
    return Sparse.of_spectrum(Spectrum(coefficients, shape)).dense().astype(dtype)


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def test_spectra_are_found():
    tensors = {"a": spectral(64, 32, 3, 3), "b": spectral(40, 30, dtype="f2"), "small": spectral(2, 64, 1, 1)}
    others = {"bias": weights(64), "steps": np.array(3), "zero": np.zeros((5, 5)), "none": np.zeros((0, 5))}
    found = detected_spectra(checkpoint(tensors | others).entries)
    assert found == {"a": 33, "b": 33, "small": 33}


def rows(used: object, *shape: int) -> np.ndarray:
    table = np.zeros(shape, np.float32)
    table[used] = weights(*table[used].shape)
    return table


def sparse(tensors: dict[str, np.ndarray]) -> dict[str, Entry]:
    return {name: Entry("f32", value.shape, partial(Sparse.of, value), "sparse") for name, value in tensors.items()}


def test_sparse_spectra_are_found_even_for_vectors():
    tensors = {"a": spectral(64, 32, 3, 3), "bias": spectral(64, k=3), "b": spectral(500, 2)}
    assert detected_spectra(sparse(tensors)) == {"a": 33, "bias": 3, "b": 33}


@pytest.mark.parametrize(
    "table",
    [
        rows(range(20), 1000, 2),
        rows(range(20), 1000, 64),
        rows(range(90), 3000, 4),
        rows([0, 1, 3, 4], 1000, 1),
        rows((slice(8), slice(8)), 100, 100),
        rows(([0], [0]), 100, 100),
        rows(RNG.integers(0, 1000, 30), 1000, 8),
    ],
)
def test_sparse_weights_are_not_spectra(table: np.ndarray):
    """Tables with few used rows, masked channels, and pruned matrices."""
    assert detected_spectra(sparse({"table": table})) == {}
    assert detected_spectra(checkpoint({"table": table}).entries) == {}
    assert spectra(sparse({"table": table}), None) == (
        set(),
        ["treated as weights: 1 sparse tensor of 1; if they are DCT spectra, use --spectral"],
    )


@pytest.mark.parametrize(
    "other",
    [
        weights(30, 30),
        np.pad(weights(30, 30), ((0, 30), (0, 30))),  # channels pruned at the end
        np.where(RNG.random((60, 60)) < 0.02, 1.0, 0.0),  # pruned anywhere
        np.eye(50),
    ],
)
def test_one_matrix_of_weights_rules_out_spectra(other: np.ndarray):
    assert detected_spectra(checkpoint({"a": spectral(64, 32, 3, 3), "b": other}).entries) == {}


def test_short_spectra_of_small_tensors_alone_are_not_evidence():
    assert detected_spectra(checkpoint({"small": spectral(8, 10)}).entries) == {}


def test_no_spectra_are_found_without_candidates():
    assert detected_spectra({}) == {}
    assert detected_spectra(checkpoint({"bias": weights(3), "zero": np.zeros((4, 4))}).entries) == {}
