"""NumPy's ``.npz``: a zip archive of ``.npy`` files, read and written one tensor at a time."""

from __future__ import annotations

import warnings
import zipfile
from functools import partial
from typing import IO, Final

from numpy.lib import format as npy

from frformat.checkpoints.checkpoint import Array, Checkpoint, Entry
from frformat.checkpoints.reading import said
from frformat.dtypes import DTYPES, dtype_name
from frformat.errors import EncodeError
from frformat.format.atomic import replacing
from frformat.spectral.zigzag import element_count

WIDER: Final = ("bf16", "f8_e4m3", "f8_e5m2", "f8_e8m0")
"""Element types that NumPy's files do not support; float32 represents their values exactly."""

TIED: Final = b"tied to "
"""Start of the comment on an array that is tied to another one; the name of that array follows."""

COMMENT_BYTES: Final = 0xFFFF
"""Size of the longest comment in bytes."""


class _NewArchive(zipfile.ZipFile):
    """An archive that is closed only if it is complete: otherwise, closing raises an error that hides the first one."""

    def __del__(self) -> None:
        """Leave an incomplete archive as it is."""


def load(path: str) -> Checkpoint:
    """List the arrays of an archive. The archive stays open."""
    archive = zipfile.ZipFile(path)
    entries: dict[str, Entry] = {}
    ties: dict[str, str] = {}
    try:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            try:
                if name in entries:
                    raise EncodeError("the archive has two arrays of this name")
                entries[name] = Entry(*_described(archive, member), partial(_read, archive, member))
                if member.comment.startswith(TIED):
                    ties[name] = member.comment.removeprefix(TIED).decode(errors="replace")
            except Exception as error:  # NumPy and zipfile raise exceptions of many types
                raise EncodeError(f"{member.filename}: {said(error)}") from error
        return Checkpoint(entries, close=archive.close).tied(ties)
    except BaseException:
        archive.close()
        raise


def save(checkpoint: Checkpoint, path: str) -> list[str]:
    """Write an uncompressed archive. Tied weights are written under each of their names, with a comment.

    Bfloat16 and 8-bit floats are widened to float32.
    """
    widened = set()
    with replacing(path) as out:
        archive = _NewArchive(out, "w", zipfile.ZIP_STORED)
        for name, entry in checkpoint.untied().items():
            array = entry.array()
            if entry.dtype in WIDER:
                array = array.astype(DTYPES["f32"])
                widened.add(entry.dtype)
            # ZipInfo has a constant date by default, so the same tensors always produce the same file.
            member = zipfile.ZipInfo(f"{name}.npy")
            comment = TIED + checkpoint.aliases[name].encode() if name in checkpoint.aliases else b""
            member.comment = comment if len(comment) <= COMMENT_BYTES else b""
            with archive.open(member, "w", force_zip64=True) as file:
                npy.write_array(file, array, allow_pickle=False)
        archive.close()
    notes = [f"{dtype} was written as f32 without loss: .npz does not support it" for dtype in sorted(widened)]
    return notes + checkpoint.without_metadata(".npz")


def _described(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[str, tuple[int, ...]]:
    """Return the element type and the shape of an ``.npy`` file."""
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about arrays written by an old Python
        dtype, shape = _header(file)
        start = file.tell()
    nbytes = element_count(shape) * DTYPES[dtype].itemsize
    if start + nbytes != member.file_size:
        raise EncodeError(f"{dtype} {list(shape)} needs {nbytes} bytes, but {member.file_size - start} are present")
    return dtype, shape


def _header(file: IO[bytes]) -> tuple[str, tuple[int, ...]]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise EncodeError(f"array file version {version[0]}.{version[1]} is not supported; plain arrays do not use it")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.kind == "V":
        raise EncodeError(f"elements of {dtype.itemsize} bytes have an unknown type (bfloat16?); write them as float32")
    return dtype_name(dtype), shape


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array: Array = npy.read_array(file, allow_pickle=False)
        return array
