"""Read untrusted NumPy files: the header is checked before any data is read."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.checkpoints.reading import said
from frformat.errors import ReportError
from frformat.parity.fields import ELEMENTS, RANK

HEADER_BYTES = 4096

INPUTS: Final = ("<f4", "<f8", "<i4", "<i8", "|i1", "|u1", "|b1")
"""NumPy's names of the element types of inputs."""


def read_input(path: str) -> NDArray[Any]:
    """Read a model's input, of any of the types :data:`INPUTS`, from a ``.npy`` file; see :func:`read_array`."""
    return _read(path, None, INPUTS)


def read_array(path: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    """Read a float32 array from a ``.npy`` file.

    Args:
        path: the file.
        shape: the required shape; None allows any.

    Raises:
        ReportError: it is not a NumPy file of float32 in C order with that shape, or it is truncated.
        OSError: it cannot be read.
    """
    return _read(path, shape, INPUTS[:1])


def _read(path: str, shape: tuple[int, ...] | None, types: Collection[str]) -> NDArray[Any]:
    with open(path, "rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            found, fortran, dtype = read(file, max_header_size=HEADER_BYTES)
        except Exception as error:  # NumPy can raise anything for an invalid header
            raise ReportError(f"{path}: not a NumPy file of version 1 or 2: {said(error)}") from error
        if fortran or dtype.str not in types:
            order = "Fortran" if fortran else "C"
            names = " or ".join(np.dtype(each).name for each in types)
            raise ReportError(f"{path}: it contains {dtype} in {order} order, not {names} in C order")
        if len(found) > RANK or math.prod(found) > ELEMENTS or (shape is not None and found != shape):
            wanted = f"{list(shape)}" if shape is not None else f"one of at most {ELEMENTS:,} elements"
            raise ReportError(f"{path}: its shape is {list(found)}, not {wanted}")
        size = math.prod(found) * dtype.itemsize
        if os.fstat(file.fileno()).st_size - file.tell() != size:
            raise ReportError(f"{path}: it does not contain {size:,} bytes after its header")
        return np.fromfile(file, dtype).reshape(found)
