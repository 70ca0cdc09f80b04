"""Decode the weights that a skeleton needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    want = contract.wanted[name]
    read = file.coefficients if want.form else file.__getitem__
    first, *others = contract.sources(name, file)
    found = read(first)
    for other in others:
        copy = read(other)
        if copy.dtype != found.dtype or copy.tobytes() != found.tobytes():
            raise mismatch(path, f"{first} and {other} are one tensor in the model, but differ in the file")
    dtype = DTYPES[want.dtype]
    if found.dtype == dtype:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        cast = found.astype(dtype)
        overflows = dtype.kind not in "biu" and (np.isinf(cast) & ~np.isinf(found)).any()
    if dtype.kind in "biu" and not np.array_equal(cast, found):
        raise mismatch(path, f"{name} has integers that do not fit into {want.dtype}")
    if overflows:
        raise mismatch(path, f"{name} has elements that do not fit into {want.dtype}")
    return cast


@contextmanager
def naming(skeleton: StrPath | bytes) -> Iterator[None]:
    """Within a ``with`` block, put the path of the skeleton in front of errors about it."""
    try:
        yield
    except LoadError as error:
        if isinstance(skeleton, bytes) or not error.kind.startswith("SKELETON_"):
            raise
        raise LoadError(error.kind, f"{os.fspath(skeleton)}: {error.problem}") from error.__cause__


def mismatch(path: StrPath, what: str) -> LoadError:
    """Return the exception for a file that does not fit a skeleton."""
    return LoadError("MISMATCH", f"{os.fspath(path)}: the file does not fit this skeleton: {what}")
