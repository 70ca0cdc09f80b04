"""Decode the weights that a skeleton needs."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.errors import LoadError
from frformat.format.reader import FrzFile
from frformat.runtimes.contract import Contract

StrPath = str | os.PathLike[str]
Array = NDArray[Any]


def check(contract: Contract, file: FrzFile, path: StrPath) -> None:
    """Check that a file fits a skeleton.

    Raises:
        LoadError: it does not.
    """
    misfit = contract.misfit(file)
    if misfit:
        raise mismatch(path, misfit)


def given(contract: Contract, name: str, file: FrzFile, path: StrPath) -> Array:
    """Return the value for one of a skeleton's names, in the skeleton's dtype. The file must fit the skeleton.

    Raises:
        LoadError: tied names have different values in the file, or an element does not fit into the dtype.
        FrzError: the file is damaged.
    """
    want, found = contract.wanted[name], None
    for source in contract.names(name):
        if source not in file or (found is not None and file.aliases.get(source) is not None):
            continue
        array = file.coefficients(source) if want.form else file[source]
        if found is not None and found.tobytes() != array.tobytes():
            raise mismatch(path, f"{name} and {source} are one tensor in the model, but differ in the file")
        found = array if found is None else found
    assert found is not None
    dtype = DTYPES[want.dtype]
    if found.dtype == dtype:
        return found
    with np.errstate(over="ignore"):
        cast = found.astype(dtype)
    if dtype.kind in "biu" and not np.array_equal(cast, found):
        raise mismatch(path, f"{name} has integers that do not fit into {want.dtype}")
    if dtype.kind not in "biu" and (np.isinf(cast) & ~np.isinf(found)).any():
        raise mismatch(path, f"{name} has elements that do not fit into {want.dtype}")
    return cast


def mismatch(path: StrPath, what: str) -> LoadError:
    """Return the exception for a file that does not fit a skeleton."""
    return LoadError("MISMATCH", f"{os.fspath(path)}: the file does not fit this skeleton: {what}")
