"""Read pictures as inputs, and show arrays as pictures."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from frformat.checkpoints.reading import said
from frformat.errors import ReportError

PIXELS: Final = 1 << 26
WIDTH: Final = 320
"""Largest width of a picture in a report, in pixels."""

COLORS: Final = np.array(
    [
        [24, 24, 27], [250, 204, 21], [56, 189, 248], [244, 114, 182], [74, 222, 128],
        [251, 146, 60], [167, 139, 250], [248, 113, 113], [45, 212, 191], [228, 228, 231],
    ],
    np.uint8,
)  # fmt: skip
"""Colors of the classes; any additional classes repeat them, except the first."""


def read_pixels(path: str, mode: str) -> NDArray[np.uint8]:
    """Return the pixels of a picture: uint8 (height, width) or (height, width, 3).

    Args:
        path: a PNG or JPEG file.
        mode: ``RGB`` or ``L``.

    Raises:
        ReportError: it is not a picture, or is too large.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            image = Image.open(file, formats=("PNG", "JPEG"))
            if image.width * image.height > PIXELS:
                raise ReportError(f"{path}: it has more than {PIXELS:,} pixels")
            return np.asarray(image.convert(mode))
        except ReportError:
            raise
        except Exception as error:  # Pillow can raise anything for a damaged file
            raise ReportError(f"{path}: not a PNG or JPEG picture: {said(error)}") from error


def tensor_of(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert RGB pixels to an input (1, 3, height, width) in 0 … 1."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def input_uri(values: NDArray[np.float32]) -> str | None:
    """Return the first picture of an input (n, 1 or 3, height, width) as a data URI; None if it is not a picture."""
    if values.ndim != 4 or values.shape[1] not in (1, 3) or not values.size:
        return None
    picture = np.nan_to_num(values[0].transpose(1, 2, 0), posinf=0, neginf=0)
    low, high = min(float(picture.min()), 0.0), max(float(picture.max()), 1.0)
    return uri(((picture - low) * (255 / (high - low))).astype(np.uint8))


def classes_uri(classes: NDArray[np.integer[Any]]) -> str | None:
    """Return the first class map of (n, height, width) in colors; None if it is not a map."""
    if classes.ndim != 3 or not classes.size:
        return None
    return uri(COLORS[np.where(classes[0] < len(COLORS), classes[0], 1 + classes[0] % (len(COLORS) - 1))])


def difference_uri(a: NDArray[np.integer[Any]], b: NDArray[np.integer[Any]]) -> str | None:
    """Show where the first maps of two outputs differ, in red, over the first map in gray."""
    if a.ndim != 3 or a.shape != b.shape or not a.size:
        return None
    grey = np.repeat((230 - 50 * np.minimum(a[0], 1))[:, :, None], 3, 2).astype(np.uint8)
    image = Image.fromarray(grey).resize(_fit(grey.shape))
    apart = Image.fromarray(np.where(a[0] != b[0], 255, 0).astype(np.uint8))
    mask = apart.reduce(-(-apart.width // image.width)).resize(image.size).point(lambda value: 255 if value else 0)
    image.paste((220, 38, 38), mask=mask)
    return _encoded(image)


def uri(pixels: NDArray[np.uint8]) -> str:
    """Return pixels (height, width) or (height, width, 1 or 3) as a PNG data URI, scaled down if necessary."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    return _encoded(image.resize(_fit(pixels.shape), Image.Resampling.NEAREST))


def _fit(shape: tuple[int, ...]) -> tuple[int, int]:
    width = min(shape[1], WIDTH)
    return width, max(1, round(shape[0] * width / shape[1]))


def _encoded(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
