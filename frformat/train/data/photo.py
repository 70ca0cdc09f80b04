"""The photograph of a temple that is part of scikit-learn, in gray."""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch.utils.data import TensorDataset

from frformat.errors import DependencyError

LUMINANCE: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the gray value."""

SPLIT: Final = 448
"""Columns to the left of this one are for training, the others for tests.

Tests use only the lower part: an empty sky would show little but rounding.
"""

PATCH: Final = {"train": (32, 16), "test": (96, 96)}
"""Size and spacing of the patches, in pixels."""

COLUMNS: Final = (SPLIT - PATCH["train"][0]) // PATCH["train"][1] + 1
"""Number of training patches per row of the photograph. Each overlaps with half of the next one."""


def load_photo(split: Literal["train", "test"]) -> TensorDataset:
    """Return patches of the photograph: 675 overlapping ones for training, and 4 larger ones for tests.

    Returns:
        Patches, uint8 (n, 1, 32, 32) for training, by rows of :data:`COLUMNS`, and (n, 1, 96, 96) for tests.

    Raises:
        DependencyError: scikit-learn or Pillow is not installed.
    """
    try:
        from sklearn import datasets

        photo = datasets.load_sample_image("china.jpg")
    except ImportError as error:
        raise DependencyError("the photograph", error) from error
    size, step = PATCH[split]
    grey = (torch.from_numpy(photo.copy()).float() @ torch.tensor(LUMINANCE)).round().to(torch.uint8)
    part = grey[:, :SPLIT] if split == "train" else grey[-2 * size :, SPLIT:]
    return TensorDataset(part.unfold(0, size, step).unfold(1, size, step).reshape(-1, 1, size, size))
