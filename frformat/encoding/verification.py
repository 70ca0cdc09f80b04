"""Verify an encoded file by reading it back."""

from __future__ import annotations

import os

import numpy as np

import frformat
from frformat.checkpoints import Checkpoint
from frformat.encoding.encoder import Report, digest
from frformat.errors import EncodeError
from frformat.format.coders import byte_view

StrPath = str | os.PathLike[str]


def verify(checkpoint: Checkpoint, path: StrPath, report: Report, *, base: StrPath | None = None) -> None:
    """Check that a file contains what :func:`frformat.encoding.encode` reported, bit for bit.

    Args:
        checkpoint: the encoded checkpoint.
        path: the file.
        report: the outcome of encoding.
        base: the base, if the file is a delta file.

    Raises:
        FrzError: the file is damaged.
        EncodeError: the file has different names or values.
    """
    with frformat.open(path, base=base) as file:
        file.verify()
        if set(file) != set(report.tensors) | set(checkpoint.aliases) or file.aliases != checkpoint.aliases:
            raise EncodeError(f"{os.fspath(path)}: it does not contain the names that were encoded")
        for name, tensor in report.tensors.items():
            if tensor.digest:
                same = digest(file.stored(name)) == tensor.digest
            else:
                same = np.array_equal(byte_view(checkpoint.entries[name].array()), byte_view(file[name]))
            if not same:
                raise EncodeError(f"{os.fspath(path)}: tensor {name!r} differs from what was encoded")
