"""Convert bytes to the input that a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """The normalization of pixels: they are scaled to 0 … 1, and each channel is then standardized.

    Attributes:
        mean: the mean to subtract, one per channel or one for all channels.
        std: the standard deviation to divide by, one per channel or one for all channels.
        white: the integer that becomes 1.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    white: int = 255

    def __call__(self, images: Tensor) -> Tensor:
        """Convert integers (…, channels, height, width) to normalized float32 on their device.

        Raises:
            ValueError: the images and the mean differ in the number of channels.
        """
        if len(self.mean) not in (1, images.shape[-3]):
            raise ValueError(f"the images have {images.shape[-3]} channels, but the mean has {len(self.mean)}")
        mean, std = (torch.tensor(value, device=images.device)[:, None, None] for value in (self.mean, self.std))
        return (images.float() / self.white - mean) / std


UNIT_PIXELS: Final = Pixels()
"""Scales pixels to 0 … 1 for the published UNet."""

DIGITS_PIXELS: Final = Pixels(white=16)
"""Scales pixels to 0 … 1 for scikit-learn's digits."""

MNIST_PIXELS: Final = Pixels((0.1307,), (0.3081,))
"""Mean and standard deviation of MNIST's training images."""

IMAGENET_PIXELS: Final = Pixels((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet, used by the published ResNet-20 for CIFAR-10."""
