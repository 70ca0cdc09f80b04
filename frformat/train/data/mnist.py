"""MNIST in its original form, gzipped IDX files: http://yann.lecun.com/exdb/mnist/. Fashion-MNIST has the same form."""

from __future__ import annotations

import gzip
import math
import os
import struct
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from frformat.checkpoints.reading import said
from frformat.train.data.errors import DataError
from frformat.train.data.locate import locate

ORIGIN: Final = (
    "Put the four original .gz files there, for example from https://ossci-datasets.s3.amazonaws.com/mnist/."
)
FILES: Final = {"train": "train", "test": "t10k"}
PIXELS: Final = (28, 28)
CLASSES: Final = 10

UNSIGNED_BYTE: Final = 8
"""The third byte of an IDX file with elements of one byte. The first two bytes are 0; the fourth is the rank."""

EXPANSION: Final = 1032
"""No deflate stream expands by more than this factor, https://zlib.net/zlib_tech.html."""


def load_mnist(split: Literal["train", "test"], folder: str | os.PathLike[str] | None = None) -> TensorDataset:
    """Return the 60,000 training images or the 10,000 test images.

    Args:
        split: which set.
        folder: the folder that contains ``mnist/``; see :func:`frformat.train.data.locate.locate`.

    Returns:
        Images, uint8 (n, 1, 28, 28), and labels, int64 (n,).

    Raises:
        MissingDataError: a file does not exist.
        DataError: a file is damaged.
    """
    names = [f"{FILES[split]}-images-idx3-ubyte.gz", f"{FILES[split]}-labels-idx1-ubyte.gz"]
    found = locate("mnist", names, origin=ORIGIN, folder=folder)
    images, labels = _read(found / names[0], PIXELS), _read(found / names[1], ())
    if len(images) != len(labels):
        raise DataError(f"{found / names[0]} has {len(images)} images, but {names[1]} has {len(labels)} labels")
    if labels.max() >= CLASSES:
        raise DataError(f"{found / names[1]}: label {int(labels.max())} is not one of the {CLASSES} digits")
    return TensorDataset(images[:, None], labels.to(torch.int64))


def _read(path: Path, item: tuple[int, ...]) -> Tensor:
    """Return all items of a file, uint8 (n, …); ``item`` is the required shape of each."""
    try:
        with gzip.open(path) as stream:
            shape = _shape(path, stream, 1 + len(item))
            if shape[0] == 0 or shape[1:] != item:
                raise DataError(f"{path}: its header gives the shape {shape}, but items of shape {item} are expected")
            size, limit = math.prod(shape), EXPANSION * path.stat().st_size
            if size > limit:
                raise DataError(
                    f"{path}: its header announces {size} bytes, but a file this short can contain at most {limit}"
                )
            data = stream.read(size)
            if len(data) < size:
                raise DataError(f"{path}: it ends after {len(data)} of the {size} bytes that its header announces")
            if stream.read(1):
                raise DataError(f"{path}: it continues after the {size} bytes that its header announces")
    except DataError:
        raise
    except Exception as error:  # gzip can raise any exception for a damaged file
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{path}: not a complete gzip file: {said(error)}") from error
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(shape)


def _shape(path: Path, stream: gzip.GzipFile, axes: int) -> tuple[int, ...]:
    """Read the header: the magic number, then the length of each axis, big-endian."""
    header = stream.read(4 + 4 * axes)
    magic = bytes([0, 0, UNSIGNED_BYTE, axes])
    if header[:4] != magic:
        raise DataError(
            f"{path}: it starts with {header[:4].hex()}, not with {magic.hex()}, the magic number of such IDX files"
        )
    if len(header) < 4 + 4 * axes:
        raise DataError(f"{path}: its header ends after {len(header)} of {4 + 4 * axes} bytes")
    return struct.unpack(f">{axes}I", header[4:])
