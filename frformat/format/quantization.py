"""Store numbers exactly in a number format, or as integers with a step (specification, section 6)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS, cast
from frformat.errors import EncodeError
from frformat.format.limits import STEP_CODES
from frformat.spectral.rebuild import tiles

Array = NDArray[Any]
Singles = NDArray[np.float32]

LARGEST: Final = (1 << 31) - 1
"""Largest magnitude of a stored integer."""

EXACT_BITS: Final = {"f16": 9, "bf16": 9, "f32": 16}
"""If numbers are integer multiples of a step, and the integers have at most this many bits, the integers are stored
rather than exact floats. Half-precision numbers have 11 significant bits, so a few of them can be multiples of some
step by chance."""

INTEGER_FORMATS: Final = tuple(f"q{bits}" for bits in range(2, 33))
"""Number formats that store integers, in ascending order of their number of bits."""

ZEROS: Final = {"f16": 13, "bf16": 16}
"""Number of trailing zero bits in a float32 that represents a number of the format."""

BLOCK: Final = 1 << 18
"""Number of values that are quantized at a time."""

LOOKED_AT: Final = 64
"""Size of the sample that shows which steps are worth trying on all numbers."""


class Numbers(NamedTuple):
    """Real numbers in the form in which a file stores them.

    Attributes:
        values: array of a number format's type, or int32 if there is a step.
        format: the number format; None if there is a step.
        step: the step code, or None.
    """

    values: Array
    format: str | None = None
    step: int | None = None


def step(code: int) -> float:
    """Return the step for a step code: 16 steps per octave, 1 for code 0."""
    return float(np.ldexp(16 + code % 16, code // 16 - 4))


def steps(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the steps for some step codes."""
    found: NDArray[np.float64] = np.ldexp(16.0 + codes % 16, codes // 16 - 4)
    return found


def step_code(wanted: float) -> int:
    """Return the code of the largest step that is at most ``wanted``.

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
    """Return whether finite ``numbers`` of a float type survive a round trip through a number format bit for bit."""
    if numbers.dtype == DTYPES[fmt]:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return _same(numbers.astype(DTYPES[fmt]).astype(numbers.dtype), numbers)


def may_be_narrower(numbers: Singles) -> bool:
    """Return whether float32 ``numbers`` have enough trailing zero bits for ``auto`` to choose another format."""
    return _last_zeros(numbers) >= _zeros_of_multiples("f32")


def _last_zeros(numbers: Singles) -> int:
    """Return the number of trailing bits that are 0 in all numbers."""
    union = int(np.bitwise_or.reduce(numbers.view(np.uint32), initial=0))
    return (union & -union).bit_length() - 1 if union else 32


def _zeros_of_multiples(format: str) -> int:
    """Return the number of trailing zero bits in multiples of a step that replace floats of a format.

    No step is subnormal, so a multiple has at most the bits of the integer, without its sign, and 5 bits of the step.
    """
    return 24 - (EXACT_BITS[format] - 1) - 5


def exact_step(numbers: Singles, bits: int) -> int | None:
    """Return the code of the largest step that divides finite ``numbers`` with quotients of at most ``bits`` bits.

    Returns:
        The code, or None if there is no such step or if all numbers are 0.
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
    """Return whether all values are equal, bit for bit."""
    bits = np.dtype(f"u{a.dtype.itemsize}")
    return bool(np.array_equal(a.view(bits), b.view(bits)))


def quantize(numbers: Array, code: int) -> NDArray[np.int32]:
    """Return the quotients of the nearest multiples of ``step(code)``, ties to even.

    Raises:
        EncodeError: a quotient exceeds 32 bits.
    """
    out = np.empty(numbers.shape, np.int32)
    for part in tiles(numbers.shape, BLOCK):
        out[part] = whole(numbers[part].astype(np.float64) / step(code))
    return out


def whole(quotients: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the nearest integers, ties to even.

    Raises:
        EncodeError: an integer exceeds 32 bits.
    """
    rounded = np.rint(quotients)
    largest = float(np.abs(rounded).max(initial=0.0))
    if not largest <= LARGEST:
        raise EncodeError(f"quantized values reach {largest:g} and do not fit into 32 bits: use a larger step")
    return rounded.astype(np.int32)


def dequantize(values: Array, size: float | NDArray[np.float64]) -> Singles:
    """Return integer · step, computed in float64 and rounded once to float32.

    Args:
        values: integers.
        size: the step, or one for each value.
    """
    with np.errstate(over="ignore"):
        return (np.asarray(values, np.float64) * size).astype(np.float32)


def quantized(numbers: Singles, wanted: str) -> Numbers:
    """Convert ``numbers`` to the number format that ``wanted`` names.

    Args:
        numbers: finite float32 array.
        wanted: ``auto``, ``f32``, ``f16``, ``bf16``, ``qN`` or ``step=S``; see :func:`frformat.save_file`.

    Raises:
        EncodeError: ``wanted`` is not a format, or a number does not fit it.
    """
    if wanted == "auto":
        zeros = _last_zeros(numbers)
        wanted = next((fmt for fmt in ZEROS if zeros >= ZEROS[fmt] and exact_in(numbers, fmt)), "f32")
        code = exact_step(numbers, EXACT_BITS[wanted]) if zeros >= _zeros_of_multiples(wanted) else None
        wanted = wanted if code is None else f"step={step(code)}"
    if wanted in FORMATS:
        return Numbers(cast(numbers, wanted), wanted)
    bits, size = parse_format(wanted)
    code = step_code(size) if size is not None else code_for(float(np.abs(numbers).max(initial=0.0)), bits)
    q = quantize(numbers, code)
    ends = np.array([q.min(initial=0), q.max(initial=0)])
    if not np.isfinite(dequantize(ends, step(code))).all():
        raise EncodeError(f"a value of {np.abs(numbers).max():g} is too large for {wanted}")
    if size is None and numbers.any() and not q.any():
        raise EncodeError(f"values of up to {np.abs(numbers).max():g} are too small for steps; scale the tensor")
    return Numbers(q, step=code)


def parse_format(wanted: str) -> tuple[int, float | None]:
    """Parse ``qN`` or ``step=S``: (N, None) or (0, S).

    Raises:
        EncodeError: ``wanted`` is neither.
    """
    if wanted.startswith("step="):
        try:
            step_code(float(wanted[5:]))
        except ValueError as error:
            raise EncodeError(f"format {wanted!r}: {error}") from error
        return 0, float(wanted[5:])
    if wanted not in INTEGER_FORMATS:
        raise EncodeError(f"format {wanted!r} is not one of auto, f32, f16, bf16, q2 … q32, step=S")
    return int(wanted[1:]), None


def check_format(wanted: str) -> None:
    """Check that a number format exists.

    Raises:
        EncodeError: it does not exist.
    """
    if not isinstance(wanted, str):
        raise EncodeError(f"a format must be a string, not {wanted!r}")
    if wanted != "auto" and wanted not in FORMATS:
        parse_format(wanted)


def code_for(largest: float, bits: int) -> int:
    """Return the code of the smallest step with which ``bits``-bit integers reach ``largest``, or 0 for 0."""
    if largest == 0:
        return 0
    least = largest / (2 ** (bits - 1) - 1)
    code = step_code(max(least, step(STEP_CODES[0])))
    return code if step(code) >= least else code + 1
