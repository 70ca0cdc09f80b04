"""Arrange several images in one picture for viewing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Picture = NDArray[np.uint8]
"""Array of shape (height, width) in gray or (height, width, 3) in color, for Pillow and Matplotlib."""

GAP = 2
"""Number of pixels between images."""


def tiled(images: Tensor, columns: int) -> Picture:
    """Arrange images in rows, with white lines between them.

    Args:
        images: float (n, 1 or 3, height, width) in 0 … 1; n ≥ 1.
        columns: number of images per row.
    """
    n, channels, height, width = images.shape
    columns = min(n, columns)
    rows = -(-n // columns)
    sheet = torch.ones(channels, rows * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    for index, image in enumerate(images):
        y, x = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[:, y : y + height, x : x + width] = image
    grey: Picture = (sheet.clamp(0, 1) * 255).round().to(torch.uint8).movedim(0, 2).numpy()
    return grey[..., 0] if channels == 1 else grey
