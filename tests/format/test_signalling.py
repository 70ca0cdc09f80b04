"""Signaling NaNs, which stored bytes can contain, are refused or kept like other NaNs, without arithmetic warnings."""

from __future__ import annotations

import numpy as np
import pytest

import frformat
from frformat import EncodeError, FrzError, Spectrum
from frformat.dtypes import DTYPES, all_finite
from tests.vectors import frz
from tests.vectors.frz import File

BITS = {"f16": 0x7C01, "bf16": 0x7F81, "f32": 0x7F800001}


def _array(name: str) -> np.ndarray:
    dtype = DTYPES[name]
    return np.array([0] + [BITS[name]] * 5, f"u{dtype.itemsize}").view(dtype)


@pytest.mark.parametrize("name", BITS)
def test_they_are_not_finite(name: str):
    assert not all_finite(_array(name))
    assert all_finite(_array(name)[:1])


@pytest.mark.parametrize("name", BITS)
def test_coefficients_are_refused(name: str):
    data = File([frz.dct("w", name, (5,), [BITS[name]] * 5)]).bytes()
    with frformat.open(data) as file, pytest.raises(FrzError) as caught:
        file["w"]
    assert caught.value.code == "VALUE"


@pytest.mark.parametrize("name", BITS)
def test_tensors_keep_them(name: str):
    array = _array(name)
    read = frformat.load(frformat.save({"w": array}))["w"]
    assert read.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", BITS)
def test_they_have_no_spectrum(name: str):
    with pytest.raises(EncodeError):
        Spectrum.of(_array(name), 3)
