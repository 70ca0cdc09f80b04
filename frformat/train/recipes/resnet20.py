"""ResNet-20 on CIFAR-10."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frformat.train.classification import Classification
from frformat.train.data import IMAGENET_PIXELS, load_cifar10
from frformat.train.draws import Draws
from frformat.train.models import ResNet20
from frformat.train.recipe import Batch, Data, StrPath
from frformat.train.settings import Settings

MARGIN = 4
"""Largest shift of the images, in pixels."""


def rules(*kept: int) -> tuple[str, ...]:
    """Return rules with the number of coefficients per convolution in each stage; the first and last layer stay raw."""
    layers = (f"layer{number}.*.conv?.weight: keep={count}" for number, count in enumerate(kept, 1))
    return (*layers, "conv1.weight: raw", "linear.*: raw")


class ResNet20OnCifar10(Classification):
    """Prunes spectra, because channels have no order: the largest coefficients are worth more than the first ones.

    Works best for converting a trained network, which can also be the teacher:

        frformat train resnet20 --dense -o runs/dense
        frformat train resnet20 --from runs/dense/model.frz --teacher runs/dense/model.frz --distill 0.9

    Coefficients are distributed over the layers in proportion to the sum of a convolution's dimensions, not to their
    product (U. Evci et al., "Rigging the lottery", 2020): the early layers with few channels need a larger share.
    """

    name = "resnet20"
    summary = "ResNet-20 on CIFAR-10: a twentieth of 269,722 parameters"
    pixels = IMAGENET_PIXELS
    channels_last = True
    defaults = Settings(
        epochs=60,
        batch=128,
        lr=0.016,
        plain_lr=4e-3,
        rules=rules(288, 531, 1017),
        schedule="prune",
        truncate_for=0.6,
        format="q8",
        quantize_from=0.6,
    )

    def data(self, folder: StrPath | None) -> Data:
        """Return CIFAR-10."""
        return Data(load_cifar10("train", folder), load_cifar10("test", folder))

    def model(self) -> nn.Module:
        """Return ResNet-20."""
        return ResNet20()

    def prepare(self, samples: Batch, draws: Draws) -> Batch:
        """Mirror and shift images at random."""
        images, labels = samples
        return shifted(images, MARGIN, draws.uniform(3)), labels


def shifted(images: Tensor, margin: int, chance: Tensor) -> Tensor:
    """Shift images (n, channels, height, width) by up to ``margin`` pixels over black, and mirror some of them.

    Args:
        images: images of any dtype.
        margin: largest shift, in pixels.
        chance: (n, 3), random numbers from 0 to 1, for the shifts down and right and for mirroring.
    """
    n, _, height, width = images.shape
    padded = F.pad(images, (margin,) * 4)
    y, x = (chance[:, :2] * (2 * margin + 1)).long().T
    rows = y[:, None] + torch.arange(height, device=images.device)
    columns = x[:, None] + torch.arange(width, device=images.device)
    columns = torch.where(chance[:, 2:] < 0.5, columns.flip(1), columns)
    sample = torch.arange(n, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
