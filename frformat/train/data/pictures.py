"""Image files as tensors of bytes, by Pillow."""

from __future__ import annotations

import os
from typing import IO, Final, Literal

import numpy as np
import torch
from torch import Tensor

from frformat.checkpoints.reading import said
from frformat.errors import DependencyError
from frformat.train.data.errors import DataError

try:
    from PIL import Image
except ImportError as error:
    raise DependencyError("reading images", error) from error

MAX_PIXELS: Final = 1 << 26
"""More are not decoded: 192 MiB of RGB."""

FORMATS: Final = ("JPEG", "PNG")
"""Pillow's names of the file formats that are read; each further one is more code that meets unknown files."""

MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
"""Pillow's names of the kinds of pixels with at most eight bits a channel, which lose nothing by becoming bytes."""


def read(
    source: str | os.PathLike[str] | IO[bytes],
    mode: Literal["L", "RGB"],
    *,
    name: str,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Decode one image; its size is checked before.

    Args:
        source: a path or an open file.
        mode: grey or colour; the image is converted.
        name: of the image, for errors.
        size: the (height, width) that it must have; None for any.

    Returns:
        uint8 (1 or 3, height, width).

    Raises:
        DataError: the file is damaged, no image, or has too many pixels, other ones or another size.
    """
    try:
        with Image.open(source, formats=FORMATS) as image:
            _check(image, name, size)
            pixels = np.array(image.convert(mode))
    except DataError:
        raise
    except Exception as error:  # whatever Pillow raises for a damaged file
        raise DataError(f"{name}: no whole JPEG or PNG image: {said(error)}") from error
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).movedim(-1, 0)


def _check(image: Image.Image, name: str, size: tuple[int, int] | None) -> None:
    """Refuse an image before its pixels are decoded."""
    width, height = image.size
    if size is not None and size != (height, width):
        raise DataError(f"{name}: it has {width}×{height} pixels, not {size[1]}×{size[0]}")
    if width * height > MAX_PIXELS:
        raise DataError(f"{name}: it has {width}×{height} pixels, more than {MAX_PIXELS} in all")
    if image.mode not in MODES:
        raise DataError(f"{name}: its pixels are of the kind {image.mode}, not one of {', '.join(MODES)}")
