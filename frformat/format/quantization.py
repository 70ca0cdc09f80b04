"""Coefficients as numbers to store: floats, or integers with a step (specification, section 7)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS
from frformat.errors import EncodeError, FrzError

Array = NDArray[Any]

STEP_CODES: Final = range(-2016, 2032)
"""Valid step codes."""

EXACT_BITS: Final = {"f16": 9, "bf16": 9, "f32": 16}
"""Coefficients that are multiples of a step, by integers of so many bits, are stored as these rather than as floats
that are exact, too. A few of half precision, with its 11 significant bits, are multiples of something by chance."""

LOOKED_AT: Final = 64
"""Coefficients that tell which steps are worth a try on all."""


def step(code: int) -> float:
    """What a step code stands for: 16 steps per octave, 1 for code 0."""
    return float(np.ldexp(16 + code % 16, code // 16 - 4))


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


def exact_in(coefficients: NDArray[np.float32], fmt: str) -> bool:
    """Whether float32 ``coefficients`` survive a round trip through ``f16`` or ``bf16`` bit for bit."""
    with np.errstate(over="ignore"):
        return _same(coefficients.astype(DTYPES[fmt]).astype(np.float32), coefficients)


def exact_step(coefficients: NDArray[np.float32], bits: int) -> int | None:
    """The code of the largest step of which finite float32 ``coefficients`` are multiples, by integers of ``bits``.

    Returns:
        None if there is none, or nothing to tell it by.
    """
    largest = float(np.abs(coefficients).max(initial=0.0))
    if largest == 0:
        return None
    most = _code_below(largest)
    codes = np.arange(most, most - 16 * (bits - 1), -1)
    codes = codes[(codes >= STEP_CODES[0]) & (codes <= STEP_CODES[-1])]
    steps = np.array([step(int(code)) for code in codes]).reshape(-1, 1)
    sample = coefficients[coefficients != 0][:LOOKED_AT]
    fits = ((np.rint(sample / steps) * steps).astype(np.float32) == sample).all(1)
    likely = map(int, codes[fits])
    return next((code for code in likely if _same(dequantize(quantize(coefficients, code), code), coefficients)), None)


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether all values are equal bit for bit."""
    return bool(np.array_equal(a.view(np.uint32), b.view(np.uint32)))


def quantize(coefficients: NDArray[np.float32], code: int) -> NDArray[np.int64]:
    """The nearest multiples of ``step(code)``, ties to even."""
    return np.rint(np.asarray(coefficients, np.float64) / step(code)).astype(np.int64)


def dequantize(values: Array, code: int) -> NDArray[np.float32]:
    """Q · step, computed in float64 and rounded once to float32."""
    with np.errstate(over="ignore"):
        return (np.asarray(values, np.float64) * step(code)).astype(np.float32)


def integer_format(values: NDArray[np.int64]) -> str:
    """The narrowest of ``i8``, ``i16`` and ``i32`` that holds ``values``."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for name in ("i8", "i16", "i32"):
        info = np.iinfo(DTYPES[name])
        if info.min <= low and high <= info.max:
            return name
    raise EncodeError(f"quantized values reach {max(-low, high)}, beyond 32 bits: take a larger step")


def canonical(values: Array, code: int | None) -> NDArray[np.float32]:
    """The canonical coefficients of decoded ``values``: float32, all finite.

    Args:
        values: array of a format's dtype.
        code: step code for integer formats, None for floats.

    Raises:
        FrzError: ``VALUE`` if a coefficient is not finite.
    """
    out = values.astype(np.float32) if code is None else dequantize(values, code)
    if not np.isfinite(out).all():
        raise FrzError("VALUE", "a coefficient is not finite; the file was made wrongly")
    return out


def quantized(coefficients: NDArray[np.float32], wanted: str) -> tuple[str, tuple[int, ...], Array]:
    """Stored values of ``coefficients`` in the number format that ``wanted`` names.

    Args:
        coefficients: finite float32 array.
        wanted: ``auto``, ``f32``, ``f16``, ``bf16``, ``qN`` or ``step=S``, as for :func:`frformat.save_file`.

    Returns:
        Name of the format, step codes (one for an integer format, else none), values in the format's dtype.

    Raises:
        EncodeError: ``wanted`` is no format, or a coefficient does not fit it.
    """
    if wanted == "auto":
        wanted = next((fmt for fmt in ("f16", "bf16") if exact_in(coefficients, fmt)), "f32")
        code = exact_step(coefficients, EXACT_BITS[wanted])
        wanted = wanted if code is None else f"step={step(code)}"
    if wanted in FORMATS and not FORMATS[wanted].stepped:
        with np.errstate(over="ignore"):
            stored: Array = coefficients.astype(DTYPES[wanted])
        if not np.isfinite(stored).all():
            raise EncodeError(f"a coefficient of {np.abs(coefficients).max():g} is too large for {wanted}")
        return wanted, (), stored
    code = _step_code(coefficients, wanted)
    q = quantize(coefficients, code)
    fmt = integer_format(q)
    if not np.isfinite(dequantize(q, code)).all():
        raise EncodeError(f"a coefficient of {np.abs(coefficients).max():g} is too large for {wanted}")
    return fmt, (code,), q.astype(DTYPES[fmt])


def _step_code(coefficients: NDArray[np.float32], wanted: str) -> int:
    if wanted.startswith("step="):
        try:
            return step_code(float(wanted[5:]))
        except ValueError as error:
            raise EncodeError(f"format {wanted!r}: {error}") from error
    if not (wanted[:1] == "q" and wanted[1:].isdecimal() and 2 <= int(wanted[1:]) <= 32):
        raise EncodeError(f"format {wanted!r} is none of auto, f32, f16, bf16, q2 … q32, step=S")
    largest = float(np.abs(coefficients).max(initial=0.0))
    if largest == 0:
        return 0
    least = largest / (2 ** (int(wanted[1:]) - 1) - 1)
    code = step_code(max(least, step(STEP_CODES[0])))
    return code if step(code) >= least else code + 1
