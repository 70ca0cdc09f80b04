"""Read and write checkpoints: ``load`` one in any format to encode it, ``save`` a decoded file in another format.

>>> with load("model.safetensors") as checkpoint:
...     frformat.save_file(checkpoint, "model.frz")
>>> with load("model.frz") as checkpoint:
...     save(checkpoint, "model.npz")
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Final, Protocol, cast

from frformat.checkpoints import sharded
from frformat.checkpoints.checkpoint import Checkpoint, Entry, Value
from frformat.checkpoints.reading import File, Source, on_disk, reported, said
from frformat.checkpoints.wrappers import unwrapped
from frformat.errors import EncodeError

StrPath = str | os.PathLike[str]


class FileFormat(Protocol):
    """The interface of a format's module. The module for ``.frz`` files can only read them."""

    @staticmethod
    def load(path: str) -> Checkpoint:
        """List a file's tensors. :func:`load` adds the file's name to errors, including those of later reads."""

    @staticmethod
    def save(checkpoint: Checkpoint, path: str) -> list[str]:
        """Write a file atomically.

        Returns:
            Notes for the user about how tensors were changed, one line each.

        Raises:
            EncodeError: the format cannot store a tensor.
            OSError: the file cannot be written.
        """


EXTENSIONS: Final = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".pt": "pt",
    ".pth": "pt",
}
"""Modules of this package by the extension of the files they write."""


def load(
    source: Source,
    *,
    entry: str | None = None,
    keep_names: bool = False,
    trust_pickle: bool = False,
    name: str | None = None,
    part: bool = False,
) -> Checkpoint:
    """List the tensors of an ``.frz``, ``.safetensors``, ``.npz`` or PyTorch file, recognized by its first bytes.

    Args:
        source: a path, the bytes of a file, or an open binary file. Anything but a file on disk is copied to a
            temporary file that is removed once the checkpoint is no longer used. A Hugging Face folder or an index of
            shards counts as one checkpoint.
        entry: which state dict to read from a PyTorch file that contains several.
        keep_names: leave names unchanged. Otherwise, prefixes from wrappers such as torch.compile, DataParallel and
            FSDP are removed and noted; see :func:`frformat.checkpoints.wrappers.plain_names`.
        trust_pickle: run the code that a PyTorch file refers to, which can do anything. This is rarely necessary:
            objects that need code are replaced, and the tensors of whole modules are found without it.
        name: name of the source in errors; None means its own name.
        part: accept a single shard, such as ``model-00001-of-00003.safetensors``, whose other shards would be missing.

    Raises:
        ReadError: the file is in none of these formats, is damaged, is one of several shards, or contains something
            that cannot be encoded. Reading a tensor later can also raise it.
        FrzError: an ``.frz`` file is not valid.
        DependencyError: a required package is not installed.
        OSError: the file cannot be read.
    """
    file = on_disk(source, name)
    try:
        with reported(file.name):
            if not part:
                sharded.check_whole(file.name)
            kind = _kind(file.path)
            found = _load(kind, file.path, entry, trust_pickle)
    except BaseException:
        file.close()
        raise
    if kind != "frz":
        found = found if keep_names else unwrapped(found)
        found = replace(found, entries={each: _reported(file.name, each, e) for each, e in found.entries.items()})
    size = found.size or os.path.getsize(file.path)
    return replace(found, size=size, close=partial(_close, found.close, file))


def save(checkpoint: Checkpoint, path: StrPath, *, kind: str | None = None) -> list[str]:
    """Write a checkpoint in the format that the extension of ``path`` selects.

    Tensors are read one at a time, except for ``.pt`` files: to write one, PyTorch needs all tensors in memory. An
    existing file at ``path`` is replaced once the new one is complete.

    Args:
        checkpoint: the tensors.
        path: destination.
        kind: the format, one of the values of :data:`EXTENSIONS`; overrides the extension.

    Returns:
        Notes for the user about how tensors were changed, one line each.

    Raises:
        EncodeError: the extension is unknown, or the format cannot store a tensor.
        FrzError: a tensor cannot be decoded.
        OSError: the file cannot be written.
    """
    path = os.fspath(path)
    return _module(kind or writer_of(path)).save(checkpoint, path)


def writer_of(path: str) -> str:
    """Return the name of the module that writes files with the extension of ``path``.

    Raises:
        EncodeError: the extension is unknown.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension not in EXTENSIONS:
        raise EncodeError(
            f"{path}: cannot write {extension or 'a file without an extension'}; use one of {', '.join(EXTENSIONS)}"
        )
    return EXTENSIONS[extension]


def _load(kind: str, path: str, entry: str | None, trust_pickle: bool) -> Checkpoint:
    if kind == "pt":
        from frformat.checkpoints import pt

        return pt.load(path, entry=entry, trust_pickle=trust_pickle)
    if kind == "sharded":
        # Names are checked across all shards.
        return sharded.load(path, partial(load, entry=entry, trust_pickle=trust_pickle, keep_names=True, part=True))
    if entry is not None:
        raise EncodeError("only PyTorch files have entries to choose from")
    return _module(kind).load(path)


def _reported(path: str, name: str, entry: Entry) -> Entry:
    """Return the entry with a ``load`` whose errors name the file."""
    return replace(entry, load=partial(_read, path, name, entry.load))


def _read(path: str, name: str, load: Callable[[], Value]) -> Value:
    with reported(path, name):
        return load()


def _close(close: Callable[[], None], file: File) -> None:
    close()
    file.close()


def _module(kind: str) -> FileFormat:
    return cast(FileFormat, import_module(f"{__name__}.{kind}"))


def kind_of(path: str, name: str | None = None) -> str:
    """Return the name of the module that reads a file, detected from its content. ``name`` is used in errors.

    Raises:
        ReadError: no module reads it.
        OSError: the file cannot be read.
    """
    with reported(name or path):
        return _kind(path)


def _kind(path: str) -> str:
    if os.path.isdir(path) or sharded.is_index(path):
        return "sharded"
    with open(path, "rb") as file:
        head = file.read(9)
    if head.startswith(b"\x89FRZ"):
        return "frz"
    if head[8:] == b"{":  # after 8 bytes for the header's length
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if head.startswith(b"\x80"):  # a bare pickle, written by PyTorch before version 1.6
        return "pt"
    raise EncodeError("not an .frz, .safetensors, .npz or PyTorch file, or its start is damaged")


def _kind_of_zip(path: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:
        raise EncodeError(f"a damaged zip archive (.npz or PyTorch file): {said(error)}") from error
    if any(name.endswith(".pkl") for name in names):
        return "pt"
    if all(name.endswith(".npy") for name in names):
        return "npz"
    raise EncodeError("a zip archive, but neither an .npz nor a PyTorch file")


__all__ = ["Checkpoint", "Entry", "kind_of", "load", "save", "writer_of"]
