"""Checkpoints of other formats: ``load`` one to be encoded, ``save`` what was decoded.

>>> frformat.save_file(load("model.safetensors"), "model.frz")
>>> save(load("model.frz"), "model.npz")
"""

from __future__ import annotations

import os
import zipfile
from importlib import import_module
from typing import Final, Protocol, cast

from frformat.checkpoints.checkpoint import Checkpoint, Entry
from frformat.checkpoints.wrappers import unwrapped
from frformat.errors import EncodeError

StrPath = str | os.PathLike[str]


class FileFormat(Protocol):
    """What a format's module provides; that of ``.frz`` itself only reads."""

    @staticmethod
    def load(path: str) -> Checkpoint:
        """List a file's tensors.

        Raises:
            EncodeError: the file is damaged, or holds what cannot be encoded.
            OSError: it cannot be read.
        """

    @staticmethod
    def save(checkpoint: Checkpoint, path: str) -> list[str]:
        """Write a file, which appears whole or not at all.

        Returns:
            What a user should know of how tensors were changed, one line each.

        Raises:
            EncodeError: the format cannot hold a tensor.
            OSError: the file cannot be written.
        """


EXTENSIONS: Final = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".pt": "pt",
    ".pth": "pt",
}
"""Modules of this package by the extension of the files they write."""


def load(path: StrPath, *, entry: str | None = None, keep_names: bool = False) -> Checkpoint:
    """List the tensors of an ``.frz``, ``.safetensors``, ``.npz`` or PyTorch file; its first bytes tell what it is.

    Args:
        path: the file.
        entry: for a PyTorch file that holds several state dicts, which one.
        keep_names: leave names as they are. Otherwise what wrappers such as torch.compile, DataParallel and FSDP put
            into them is taken off, which is noted; see :func:`frformat.checkpoints.wrappers.plain_names`.

    Raises:
        EncodeError: the file is none of these, is damaged, or holds what cannot be encoded.
        FrzError: an ``.frz`` file is not valid.
        OSError: the file cannot be read.
    """
    path = os.fspath(path)
    kind = _sniff(path)
    if kind == "pt":
        from frformat.checkpoints import pt

        found = pt.load(path, entry=entry)
    elif entry is not None:
        raise EncodeError(f"{path}: only a PyTorch file has entries to choose from")
    else:
        found = _module(kind).load(path)
    return found if keep_names or kind == "frz" else unwrapped(found)


def save(checkpoint: Checkpoint, path: StrPath) -> list[str]:
    """Write a checkpoint in the format that the extension of ``path`` names.

    Tensors are read one at a time (a ``.pt`` file is collected in memory first: PyTorch writes it in one go). What was
    at ``path`` is replaced when the new file is whole.

    Returns:
        What a user should know of how tensors were changed, one line each.

    Raises:
        EncodeError: the extension is not known, or the format cannot hold a tensor.
        FrzError: a tensor cannot be decoded.
        OSError: the file cannot be written.
    """
    path = os.fspath(path)
    return _module(writer_of(path)).save(checkpoint, path)


def writer_of(path: str) -> str:
    """The name of the module that writes files with the extension of ``path``.

    Raises:
        EncodeError: there is none.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension not in EXTENSIONS:
        raise EncodeError(
            f"{path}: cannot write {extension or 'a file without extension'}; take one of {', '.join(EXTENSIONS)}"
        )
    return EXTENSIONS[extension]


def _module(kind: str) -> FileFormat:
    return cast(FileFormat, import_module(f"{__name__}.{kind}"))


def _sniff(path: str) -> str:
    """The name of the module that reads this file, by its content."""
    with open(path, "rb") as file:
        head = file.read(9)
    if head.startswith(b"\x89FRZ"):
        return "frz"
    if head[8:] == b"{":  # after the length of the header, which can look like anything
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(path)
    if head.startswith(b"\x80"):  # a pickle, as PyTorch wrote before version 1.6
        return "pt"
    raise EncodeError(f"{path}: neither .frz, .safetensors, .npz nor a PyTorch file, or damaged at its start")


def _sniff_zip(path: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise EncodeError(f"{path}: a zip archive (.npz or PyTorch file) that is damaged: {error}") from error
    if any(name.endswith(".pkl") for name in names):
        return "pt"
    if all(name.endswith(".npy") for name in names):
        return "npz"
    raise EncodeError(f"{path}: a zip archive, but neither .npz nor a PyTorch file")


__all__ = ["Checkpoint", "Entry", "load", "save", "writer_of"]
