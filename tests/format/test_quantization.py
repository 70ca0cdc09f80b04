from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import EncodeError, FrzError
from frformat.format import quantization
from frformat.format.quantization import STEP_CODES, step, step_code

coefficients = hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-1e5, 1e5, width=32))


class TestStep:
    def test_table_of_the_specification(self) -> None:
        assert [step(s) for s in (0, -48, 8, 15, 16)] == [1, 0.125, 1.5, 31 / 16, 2]

    @given(st.sampled_from(STEP_CODES))
    def test_is_exact_in_float32_and_ascends(self, code: int) -> None:
        assert float(np.float32(step(code))) == step(code) > 0
        assert step_code(step(code)) == code
        if code + 1 in STEP_CODES:
            assert step(code) < step(code + 1)

    @given(st.floats(1e-30, 1e30))
    def test_code_is_the_largest_not_above(self, wanted: float) -> None:
        code = step_code(wanted)
        assert step(code) <= wanted < step(code + 1)

    @pytest.mark.parametrize("wanted", [0.0, -1.0, math.inf, math.nan, 1e-39, 2.0**127])
    def test_refuses_what_has_no_code(self, wanted: float) -> None:
        with pytest.raises(EncodeError, match="step"):
            step_code(wanted)


class TestQuantized:
    @given(coefficients)
    def test_auto_loses_nothing(self, values: np.ndarray) -> None:
        _, steps, stored = quantization.quantized(values, "auto")
        assert quantization.canonical(stored, steps[0] if steps else None).tobytes() == values.tobytes()

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1.0009765625, -0.0], "f16"),
            ([1e20], "f32"),
            ([2.0**100, -0.0], "bf16"),
            ([0.1], "f32"),
            ([0.0], "f16"),
            ([2.0**100, -3 * 2.0**100], "i8"),
            ([1e-45], "f32"),
        ],
    )
    def test_auto_takes_the_narrowest_exact_format(self, values: list[float], expected: str) -> None:
        assert quantization.quantized(np.array(values, np.float32), "auto")[0] == expected

    @given(st.lists(st.integers(-255, 255), min_size=1), st.integers(-1800, 1900))
    def test_auto_finds_the_integers_that_coefficients_were(self, numbers: list[int], code: int) -> None:
        values = quantization.dequantize(np.array(numbers), code)
        fmt, codes, stored = quantization.quantized(values, "auto")
        if any(numbers):
            assert fmt in ("i8", "i16")
            assert np.abs(stored).max() <= np.abs(numbers).max()
            assert quantization.canonical(stored, codes[0]).tobytes() == values.tobytes()

    @given(coefficients, st.integers(2, 32))
    def test_q_fits_its_bits(self, values: np.ndarray, bits: int) -> None:
        _, [code], stored = quantization.quantized(values, f"q{bits}")
        assert np.abs(stored.astype(np.int64)).max(initial=0) <= 2 ** (bits - 1) - 1
        back = quantization.canonical(stored, code)
        assert (np.abs(back - values.astype(np.float64)) <= 0.5 * step(code) + 1e-7 * np.abs(values)).all()
        largest = np.abs(values).max(initial=0.0)
        if largest > 1e-20:
            assert step(code) <= largest / (2 ** (bits - 1) - 1) * 1.0626

    @given(coefficients, st.floats(1e-3, 1e3))
    def test_step_bounds_the_error(self, values: np.ndarray, wanted: float) -> None:
        _, [code], stored = quantization.quantized(values, f"step={wanted}")
        back = quantization.canonical(stored, code)
        assert step(code) <= wanted
        assert (np.abs(back - values.astype(np.float64)) <= 0.5 * wanted + np.abs(values) * 1e-7).all()

    @pytest.mark.parametrize("wanted", ["f8", "q1", "q33", "q", "step=", "step=x", "step=-1", ""])
    def test_refuses_other_formats(self, wanted: str) -> None:
        with pytest.raises(EncodeError):
            quantization.quantized(np.ones(2, np.float32), wanted)

    def test_refuses_overflow(self) -> None:
        with pytest.raises(EncodeError, match="too large for f16"):
            quantization.quantized(np.array([7e4], np.float32), "f16")
        with pytest.raises(EncodeError, match="larger step"):
            quantization.quantized(np.array([1e6], np.float32), "step=1e-5")


class TestCanonical:
    @pytest.mark.parametrize(("stored", "code"), [([np.nan], None), ([np.inf], None), ([127], 2031)])
    def test_must_be_finite(self, stored: list[float], code: int | None) -> None:
        dtype = np.float32 if code is None else np.int8
        with pytest.raises(FrzError) as error:
            quantization.canonical(np.array(stored, dtype), code)
        assert error.value.code == "VALUE"
