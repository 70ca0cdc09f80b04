from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import EncodeError
from frformat.dtypes import DTYPES, FORMATS, REAL_DTYPES, cast, dtype_name, rounded
from tests.vectors import numbers


def test_ids_are_those_of_the_specification() -> None:
    assert tuple(DTYPES) == numbers.DTYPES
    assert {name: dtype.itemsize for name, dtype in DTYPES.items()} == numbers.BYTES


@pytest.mark.parametrize("name", DTYPES)
def test_names_ignore_the_byte_order(name: str) -> None:
    assert dtype_name(DTYPES[name]) == name
    if DTYPES[name].kind in "iufc":
        assert dtype_name(DTYPES[name].newbyteorder(">")) == name


def test_types_without_a_name() -> None:
    with pytest.raises(EncodeError, match="dtype object has no counterpart"):
        dtype_name(np.dtype(object))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(REAL_DTYPES))
def test_rounded_is_the_nearest_number(value: float, name: str) -> None:
    with np.errstate(over="ignore"):
        found = rounded(np.array([value]), DTYPES[name])
    assert int(found.view(f"u{found.itemsize}")[0]) == numbers.rounded(name, value)


@given(st.integers(-(2**8) + 1, 2**8 - 1), st.integers(-30, 30), st.integers(-3, 3), st.integers(20, 44))
def test_bfloat16_rounds_near_ties_correctly(n: int, e: int, side: int, depth: int) -> None:
    value = (n + 0.5) * 2.0**e + side * 2.0 ** (e - depth)
    found = rounded(np.array([value]), np.dtype(ml_dtypes.bfloat16))
    assert int(found.view(np.uint16)[0]) == numbers.rounded("bf16", value)
    assert Fraction(value) == (n + Fraction(1, 2)) * Fraction(2) ** e + side * Fraction(2) ** (e - depth)


class TestCast:
    @pytest.mark.parametrize("name", REAL_DTYPES)
    def test_keeps_values_within_precision(self, name: str) -> None:
        values = np.array([1.0, -3.14159, 1e-30, 0.0])
        assert np.allclose(cast(values, name).astype(np.float64), values, rtol=2**-8, atol=1e-3)

    @pytest.mark.parametrize(
        ("value", "name", "message"),
        [
            (1e-50, "f32", "values of up to 1e-50 are too small for f32"),
            (1e-9, "f16", "too small for f16"),
            (7e4, "f16", "a value of 70000 is too large for f16"),
            (1e39, "f32", "too large for f32"),
            (1e39, "bf16", "too large for bf16"),
            (1e-42, "bf16", "too small for bf16"),
        ],
    )
    def test_refuses_values_that_would_be_lost(self, value: float, name: str, message: str) -> None:
        for sign in (1, -1):
            with pytest.raises(EncodeError, match=message):
                cast(np.array([0.0, sign * value]), name)

    @pytest.mark.parametrize("name", FORMATS)
    def test_wider_types_accept_everything(self, name: str) -> None:
        tiny = np.array([np.finfo(np.float32).smallest_subnormal])
        assert cast(tiny.astype(DTYPES[name]), "f64").dtype == np.float64

    def test_nothing_is_copied_unnecessarily(self) -> None:
        values = np.ones(3, np.float32)
        assert cast(values, "f32") is values
        assert cast(np.empty(0), "f16").dtype == np.float16
