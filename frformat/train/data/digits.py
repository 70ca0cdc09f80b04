"""The handwritten digits that are part of scikit-learn: 1,797 gray images of 8×8 pixels."""

from __future__ import annotations

from typing import Literal

import torch
from torch.utils.data import TensorDataset

from frformat.errors import DependencyError


def load_digits(split: Literal["train", "test"]) -> TensorDataset:
    """Return the digits, every other one for training (899) and the rest for tests (898).

    Returns:
        Images, uint8 (n, 1, 8, 8) in 0 … 16, and labels, int64 (n,).

    Raises:
        DependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise DependencyError("the digits data set", error) from error
    digits = datasets.load_digits()
    start = ("train", "test").index(split)
    images = torch.from_numpy(digits.images[start::2]).to(torch.uint8)[:, None]
    return TensorDataset(images, torch.from_numpy(digits.target[start::2]).to(torch.int64))
