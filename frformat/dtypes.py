"""Element types and number formats (specification, sections 3 and 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from frformat.errors import EncodeError

Array = NDArray[Any]

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "bool": np.dtype(np.bool_),
    "u8": np.dtype("<u1"),
    "i8": np.dtype("<i1"),
    "u16": np.dtype("<u2"),
    "i16": np.dtype("<i2"),
    "u32": np.dtype("<u4"),
    "i32": np.dtype("<i4"),
    "u64": np.dtype("<u8"),
    "i64": np.dtype("<i8"),
    "f16": np.dtype("<f2"),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
    "c64": np.dtype("<c8"),
    "c128": np.dtype("<c16"),
    "f8_e4m3": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}
"""Element types by name, in the order of their ids."""

SPECTRAL_DTYPES: Final = ("f16", "bf16", "f32", "f64")
"""Element types that a tensor rebuilt from coefficients can have."""


def dtype_name(dtype: np.dtype[Any]) -> str:
    """The format's name for a NumPy dtype.

    Raises:
        EncodeError: the format has no such element type.
    """
    for name, known in DTYPES.items():
        if dtype == known or dtype.newbyteorder("<") == known:
            return name
    raise EncodeError(f"dtype {dtype} has no counterpart in the format; convert to one of {', '.join(DTYPES)}")


@dataclass(frozen=True)
class Format:
    """How a coefficient is written.

    Attributes:
        name: ``f32``, ``f16``, ``bf16``, ``i8``, ``i16`` or ``i32``.
        class_bits: bits of the class in the range coder's model (section 9.2).
        mantissa_bits: bits after the class; for integers None, since there the class tells.
    """

    name: str
    class_bits: int
    mantissa_bits: int | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's element type for the stored values."""
        return DTYPES[self.name]

    @property
    def stepped(self) -> bool:
        """Whether values are integers, to be multiplied by a step."""
        return self.mantissa_bits is None


FORMATS: Final[dict[str, Format]] = {
    fmt.name: fmt
    for fmt in (
        Format("f32", 8, 23),
        Format("f16", 5, 10),
        Format("bf16", 8, 7),
        Format("i8", 4, None),
        Format("i16", 5, None),
        Format("i32", 6, None),
    )
}
"""Number formats of coefficients by name, in the order of their ids; also what the range coder can take."""
