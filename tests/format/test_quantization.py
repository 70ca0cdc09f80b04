from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import EncodeError
from frformat.format import quantization
from frformat.format.limits import STEP_CODES
from frformat.format.quantization import Numbers, quantized, step, step_code

coefficients = hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-1e5, 1e5, width=32))


def canonical(numbers: Numbers) -> np.ndarray:
    """Return the values as a reader gets them."""
    if numbers.step is None:
        return numbers.values.astype(np.float32)
    return quantization.dequantize(numbers.values, step(numbers.step))


class TestStep:
    def test_table_of_the_specification(self) -> None:
        assert [step(code) for code in (0, -48, 8, 15, 16)] == [1, 0.125, 1.5, 31 / 16, 2]

    @given(st.sampled_from(STEP_CODES))
    def test_is_exact_in_float32_and_ascends(self, code: int) -> None:
        assert float(np.float32(step(code))) == step(code) > 0
        assert step_code(step(code)) == code
        assert quantization.steps(np.array([code])).tolist() == [step(code)]
        if code + 1 in STEP_CODES:
            assert step(code) < step(code + 1)

    @given(st.floats(1e-30, 1e30))
    def test_code_is_the_largest_not_above(self, wanted: float) -> None:
        code = step_code(wanted)
        assert step(code) <= wanted < step(code + 1)

    @pytest.mark.parametrize("wanted", [0.0, -1.0, math.inf, math.nan, 1e-39, 2.0**127])
    def test_refuses_steps_without_a_code(self, wanted: float) -> None:
        with pytest.raises(EncodeError, match="step"):
            step_code(wanted)


class TestQuantized:
    @given(coefficients)
    def test_auto_loses_nothing(self, values: np.ndarray) -> None:
        assert canonical(quantized(values, "auto")).tobytes() == values.tobytes()

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1.0009765625, -0.0], "f16"),
            ([1e20], "f32"),
            ([2.0**100, -0.0], "bf16"),
            ([0.1], "f32"),
            ([0.0], "f16"),
            ([2.0**100, -3 * 2.0**100], None),
            ([1e-45], "f32"),
        ],
    )
    def test_auto_takes_the_narrowest_exact_format(self, values: list[float], expected: str | None) -> None:
        found = quantized(np.array(values, np.float32), "auto")
        assert found.format == expected
        assert (found.step is None) == (expected is not None)

    @given(st.lists(st.integers(-255, 255), min_size=1).filter(any), st.integers(-1800, 1900))
    def test_auto_recognizes_integers_stored_as_floats(self, numbers: list[int], code: int) -> None:
        values = quantization.dequantize(np.array(numbers), step(code))
        found = quantized(values, "auto")
        assert found.values.dtype == np.int32
        assert np.abs(found.values).max() <= np.abs(numbers).max()
        assert canonical(found).tobytes() == values.tobytes()

    @given(coefficients, st.integers(2, 32))
    def test_q_fits_its_bits(self, values: np.ndarray, bits: int) -> None:
        found = quantized(values, f"q{bits}")
        assert found.step is not None
        assert np.abs(found.values.astype(np.int64)).max(initial=0) <= 2 ** (bits - 1) - 1
        size = step(found.step)
        back = canonical(found)
        assert (np.abs(back - values.astype(np.float64)) <= 0.5 * size + 1e-7 * np.abs(values)).all()
        largest = np.abs(values).max(initial=0.0)
        if largest > 1e-20:
            assert size <= largest / (2 ** (bits - 1) - 1) * 1.0626

    @given(coefficients, st.floats(1e-3, 1e3))
    def test_step_bounds_the_error(self, values: np.ndarray, wanted: float) -> None:
        found = quantized(values, f"step={wanted}")
        assert found.step is not None
        assert step(found.step) <= wanted
        assert (np.abs(canonical(found) - values.astype(np.float64)) <= 0.5 * wanted + np.abs(values) * 1e-7).all()

    @pytest.mark.parametrize(
        "wanted", ["f8", "f64", "q1", "q33", "q", "q08", "q\u0668", "q999", "step=", "step=x", "step=-1", "", "exact"]
    )
    def test_refuses_other_formats(self, wanted: str) -> None:
        with pytest.raises(EncodeError):
            quantized(np.ones(2, np.float32), wanted)
        with pytest.raises(EncodeError):
            quantization.check_format(wanted)

    @pytest.mark.parametrize(
        ("value", "wanted", "message"),
        [
            (7e4, "f16", "too large for f16"),
            (1e6, "step=1e-5", "larger step"),
            (3.4028235e38, "q4", "too large for q4"),
            (1e-10, "f16", "too small for f16"),
            (1e-45, "q8", "too small for steps"),
        ],
    )
    def test_refuses_values_that_would_be_lost(self, value: float, wanted: str, message: str) -> None:
        with pytest.raises(EncodeError, match=message):
            quantized(np.array([value], np.float32), wanted)

    def test_small_numbers_next_to_large_ones_can_be_lost(self) -> None:
        assert quantized(np.array([1.0, 1e-20], np.float32), "f16").values.tolist() == [1, 0]


def test_the_largest_numbers_have_a_step_or_none_without_a_warning() -> None:
    """Multiples of a candidate step can exceed the range of float32."""
    largest = np.finfo(np.float32).max
    for low in range(1, 40):
        numbers = np.array([largest, largest * (1 - low / 50), largest / 3], np.float32)
        code = quantization.exact_step(numbers, 8)
        assert code is None or STEP_CODES[0] <= code <= STEP_CODES[-1]
