"""NumPy's ``.npz``: a zip archive of ``.npy`` files, read and written one tensor at a time."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Final

from numpy.lib import format as npy

from frformat.checkpoints.checkpoint import Array, Checkpoint, Entry
from frformat.dtypes import DTYPES, dtype_name
from frformat.errors import EncodeError
from frformat.format.atomic import replacing

WIDER: Final = ("bf16", "f8_e4m3", "f8_e5m2")
"""Element types that NumPy's files cannot name; float32 holds their values exactly."""


def load(path: str) -> Checkpoint:
    """List the arrays of an archive."""
    with _reported(path):
        archive = zipfile.ZipFile(path)
    entries: dict[str, Entry] = {}
    with archive:
        for member in archive.namelist():
            with _reported(f"{path}: {member}"):
                name = member.removesuffix(".npy")
                if name in entries:
                    raise EncodeError("a second array of this name")
                with archive.open(member) as file:
                    entries[name] = Entry(*_described(file), partial(_read, path, member))
    return Checkpoint(entries)


def save(checkpoint: Checkpoint, path: str) -> list[str]:
    """Write an archive without compression. Tied weights are written under each of their names.

    Bfloat16 and 8-bit floats are widened to float32.
    """
    widened = set()
    with replacing(path) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, entry in checkpoint.untied().items():
            array = entry.array()
            if entry.dtype in WIDER:
                array = array.astype(DTYPES["f32"])
                widened.add(entry.dtype)
            # ZipInfo has a constant date, so that the same tensors give the same file.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                npy.write_array(file, array, allow_pickle=False)
    return [f"{dtype} is written as f32, exactly: .npz has no name for it" for dtype in sorted(widened)]


def _described(file: IO[bytes]) -> tuple[str, tuple[int, ...]]:
    """Element type and shape of an ``.npy`` file."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise EncodeError(f"an array file of version {version[0]}.{version[1]}, which no plain array needs")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.kind == "V":
        raise EncodeError(f"elements of {dtype.itemsize} bytes whose type is lost (bfloat16?); write it as float32")
    return dtype_name(dtype), shape


def _read(path: str, member: str) -> Array:
    with _reported(f"{path}: {member}"), zipfile.ZipFile(path) as archive, archive.open(member) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
        return array


@contextmanager
def _reported(where: str) -> Iterator[None]:
    """Turn what the libraries raise into an error that says where."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise EncodeError(f"{where}: {error}") from error
