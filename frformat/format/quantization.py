"""Numbers to store: exact ones in a number format, or integers with a step (specification, section 6)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS, cast
from frformat.errors import EncodeError
from frformat.format.limits import STEP_CODES

Array = NDArray[Any]
Singles = NDArray[np.float32]

LARGEST: Final = (1 << 31) - 1
"""Largest magnitude of an integer."""

EXACT_BITS: Final = {"f16": 9, "bf16": 9, "f32": 16}
"""Numbers that are multiples of a step, by integers of so many bits, are stored as these rather than as floats that are
exact, too. A few of half precision, with its 11 significant bits, are multiples of something by chance."""

LOOKED_AT: Final = 64
"""Numbers that tell which steps are worth a try on all."""


class Numbers(NamedTuple):
    """Real numbers as a file stores them.

    Attributes:
        values: array of a number format's type, or int32 if there is a step.
        format: the number format; None if there is a step.
        step: the step code, or None.
    """

    values: Array
    format: str | None = None
    step: int | None = None


def step(code: int) -> float:
    """What a step code stands for: 16 steps per octave, 1 for code 0."""
    return float(np.ldexp(16 + code % 16, code // 16 - 4))


def steps(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each of some step codes stands for."""
    found: NDArray[np.float64] = np.ldexp(16.0 + codes % 16, codes // 16 - 4)
    return found


def step_code(wanted: float) -> int:
    """The code of the largest step that is not above ``wanted``.

    Raises:
        EncodeError: no step is that small or that large.
    """
    if not (wanted > 0 and np.isfinite(wanted)):
        raise EncodeError(f"a step must be a positive number, not {wanted}")
    code = _code_below(wanted)
    if code not in STEP_CODES:
        raise EncodeError(f"step {wanted:g} is outside {step(STEP_CODES[0]):.3g} … {step(STEP_CODES[-1]):.3g}")
    return code


def _code_below(wanted: float) -> int:
    mantissa, exponent = np.frexp(wanted)
    return 16 * (int(exponent) - 1) + int(mantissa * 32) - 16


def exact_in(numbers: Array, fmt: str) -> bool:
    """Whether finite ``numbers`` of a float type survive a round trip through a number format bit for bit."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _same(numbers.astype(DTYPES[fmt]).astype(numbers.dtype), numbers)


def exact_step(numbers: Singles, bits: int) -> int | None:
    """The code of the largest step of which finite float32 ``numbers`` are multiples, by integers of ``bits``.

    Returns:
        None if there is none, or nothing to tell it by.
    """
    largest = float(np.abs(numbers).max(initial=0.0))
    if largest == 0:
        return None
    most = _code_below(largest)
    codes = np.arange(most, most - 16 * (bits - 1), -1)
    codes = codes[(codes >= STEP_CODES[0]) & (codes <= STEP_CODES[-1])]
    sample = numbers[numbers != 0][:LOOKED_AT]
    sizes = steps(codes).reshape(-1, 1)
    fits = (dequantize(np.rint(sample / sizes), sizes) == sample).all(1)
    likely = map(int, codes[fits])
    return next((code for code in likely if _same(dequantize(quantize(numbers, code), step(code)), numbers)), None)


def _same(a: Array, b: Array) -> bool:
    """Whether all values are equal bit for bit."""
    bits = np.dtype(f"u{a.dtype.itemsize}")
    return bool(np.array_equal(a.view(bits), b.view(bits)))


def quantize(numbers: Array, code: int) -> NDArray[np.int32]:
    """The nearest multiples of ``step(code)``, ties to even.

    Raises:
        EncodeError: an integer would be beyond 32 bits.
    """
    return whole(np.asarray(numbers, np.float64) / step(code))


def whole(quotients: NDArray[np.float64]) -> NDArray[np.int32]:
    """The nearest integers, ties to even.

    Raises:
        EncodeError: one would be beyond 32 bits.
    """
    rounded = np.rint(quotients)
    largest = float(np.abs(rounded).max(initial=0.0))
    if not largest <= LARGEST:
        raise EncodeError(f"quantized values reach {largest:g}, beyond 32 bits: take a larger step")
    return rounded.astype(np.int32)


def dequantize(values: Array, size: float | NDArray[np.float64]) -> Singles:
    """Q · step, computed in float64 and rounded once to float32.

    Args:
        values: integers.
        size: the step, or one for each value.
    """
    with np.errstate(over="ignore"):
        return (np.asarray(values, np.float64) * size).astype(np.float32)


def quantized(numbers: Singles, wanted: str) -> Numbers:
    """``numbers`` in the number format that ``wanted`` names.

    Args:
        numbers: finite float32 array.
        wanted: ``auto``, ``f32``, ``f16``, ``bf16``, ``qN`` or ``step=S``, as for :func:`frformat.save_file`.

    Raises:
        EncodeError: ``wanted`` is no format, or a number does not fit it.
    """
    if wanted == "auto":
        wanted = next((fmt for fmt in ("f16", "bf16") if exact_in(numbers, fmt)), "f32")
        code = exact_step(numbers, EXACT_BITS[wanted])
        wanted = wanted if code is None else f"step={step(code)}"
    if wanted in FORMATS:
        return Numbers(cast(numbers, wanted), wanted)
    bits, size = parse_format(wanted)
    code = step_code(size) if size is not None else code_for(float(np.abs(numbers).max(initial=0.0)), bits)
    q = quantize(numbers, code)
    if not np.isfinite(dequantize(q, step(code))).all():
        raise EncodeError(f"a value of {np.abs(numbers).max():g} is too large for {wanted}")
    if size is None and numbers.any() and not q.any():
        raise EncodeError(f"values of up to {np.abs(numbers).max():g} are too small for steps; scale the tensor")
    return Numbers(q, step=code)


def parse_format(wanted: str) -> tuple[int, float | None]:
    """What ``qN`` or ``step=S`` says: (N, None) or (0, S).

    Raises:
        EncodeError: it is neither.
    """
    if wanted.startswith("step="):
        try:
            step_code(float(wanted[5:]))
        except ValueError as error:
            raise EncodeError(f"format {wanted!r}: {error}") from error
        return 0, float(wanted[5:])
    if not (wanted[:1] == "q" and wanted[1:].isdecimal() and 2 <= int(wanted[1:]) <= 32):
        raise EncodeError(f"format {wanted!r} is none of auto, f32, f16, bf16, q2 … q32, step=S")
    return int(wanted[1:]), None


def check_format(wanted: str) -> None:
    """See that there is such a number format.

    Raises:
        EncodeError: there is none.
    """
    if wanted != "auto" and wanted not in FORMATS:
        parse_format(wanted)


def code_for(largest: float, bits: int) -> int:
    """The code of the smallest step with which integers of ``bits`` reach ``largest``; 0 if that is 0."""
    if largest == 0:
        return 0
    least = largest / (2 ** (bits - 1) - 1)
    code = step_code(max(least, step(STEP_CODES[0])))
    return code if step(code) >= least else code + 1
