from __future__ import annotations

import numpy as np
import pytest

from frformat import Spectrum
from frformat.encoding.detection import dense_spectra
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
    found = dense_spectra(checkpoint(tensors | others).entries)
    assert found == {"a": 33, "b": 33, "small": 33}


@pytest.mark.parametrize(
    "other",
    [
        weights(30, 30),
        np.pad(weights(30, 30), ((0, 30), (0, 30))),  # channels pruned at the end
        np.where(RNG.random((60, 60)) < 0.02, 1.0, 0.0),  # pruned anywhere
        np.eye(50),
    ],
)
def test_one_matrix_of_weights_makes_all_weights(other: np.ndarray):
    assert dense_spectra(checkpoint({"a": spectral(64, 32, 3, 3), "b": other}).entries) == {}


def test_short_spectra_of_small_tensors_alone_are_no_evidence():
    assert dense_spectra(checkpoint({"small": spectral(8, 10)}).entries) == {}


def test_nothing_is_found_where_there_is_nothing():
    assert dense_spectra({}) == {}
    assert dense_spectra(checkpoint({"bias": weights(3), "zero": np.zeros((4, 4))}).entries) == {}
