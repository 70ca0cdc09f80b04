"""Read untrusted NumPy files: the header is checked before any data is read."""

from __future__ import annotations

import math
import os

import numpy as np
from numpy.typing import NDArray

from frformat.checkpoints.reading import said
from frformat.errors import ReportError
from frformat.parity.fields import ELEMENTS, RANK

HEADER_BYTES = 4096


def read_array(path: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    """Read a float32 array from a ``.npy`` file.

    Args:
        path: the file.
        shape: the required shape; None allows any.

    Raises:
        ReportError: it is not a NumPy file of float32 in C order with that shape, or it is truncated.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            found, fortran, dtype = read(file, max_header_size=HEADER_BYTES)
        except Exception as error:  # NumPy can raise anything for an invalid header
            raise ReportError(f"{path}: not a NumPy file of version 1 or 2: {said(error)}") from error
        if fortran or dtype != np.dtype("<f4"):
            order = "Fortran" if fortran else "C"
            raise ReportError(f"{path}: it contains {dtype} in {order} order, not float32 in C order")
        if len(found) > RANK or math.prod(found) > ELEMENTS or (shape is not None and found != shape):
            wanted = f"{list(shape)}" if shape is not None else f"one of at most {ELEMENTS:,} elements"
            raise ReportError(f"{path}: its shape is {list(found)}, not {wanted}")
        size = math.prod(found) * dtype.itemsize
        if os.fstat(file.fileno()).st_size - file.tell() != size:
            raise ReportError(f"{path}: it does not contain {size:,} bytes after its header")
        return np.fromfile(file, np.float32).reshape(found)
