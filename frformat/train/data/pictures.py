"""Read image files as byte tensors with Pillow."""

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
"""Largest number of pixels to decode: 192 MiB of RGB."""

FORMATS: Final = ("JPEG", "PNG")
"""Pillow's names of the supported file formats. Every additional format would expose more code to untrusted files."""

MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
"""Pillow's names of the pixel types with at most eight bits per channel, which convert to bytes without loss."""


def read(
    source: str | os.PathLike[str] | IO[bytes],
    mode: Literal["L", "RGB"],
    *,
    name: str,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Decode one image, after checking its size.

    Args:
        source: a path or an open file.
        mode: whether to convert the image to gray (``L``) or to color (``RGB``).
        name: name of the image, for errors.
        size: the required (height, width); None allows any.

    Returns:
        uint8 (1 or 3, height, width).

    Raises:
        DataError: the file is damaged or not an image, or its number of pixels, pixel type or size is not supported.
    """
    try:
        with Image.open(source, formats=FORMATS) as image:
            _check(image, name, size)
            pixels = np.array(image.convert(mode))
    except DataError:
        raise
    except Exception as error:  # Pillow can raise any exception for a damaged file
        raise DataError(f"{name}: not a complete JPEG or PNG image: {said(error)}") from error
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).movedim(-1, 0)


def _check(image: Image.Image, name: str, size: tuple[int, int] | None) -> None:
    """Reject an image before its pixels are decoded."""
    width, height = image.size
    if size is not None and size != (height, width):
        raise DataError(f"{name}: it has {width}×{height} pixels, not {size[1]}×{size[0]}")
    if width * height > MAX_PIXELS:
        raise DataError(f"{name}: it has {width}×{height} pixels, more than {MAX_PIXELS} in all")
    if image.mode not in MODES:
        raise DataError(f"{name}: its pixel type {image.mode} is not one of {', '.join(MODES)}")
