"""The UNet of the Frequency Regularization authors: 31,024,960 weights and no other parameters.

O. Ronneberger et al., "U-Net: Convolutional networks for biomedical image segmentation", 2015, with padding, and with
the batch normalization and names of https://github.com/guanfangdong/pytorch-frequency-regularization: normalization
always uses the current batch, without parameters or running statistics, and there are no biases.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UNet(nn.Module):
    """A network with four levels down and four levels up, each with two convolutions.

    The published weights expect RGB in 0 … 1 (:data:`frformat.train.data.UNIT_PIXELS`); their class 1 is the car.

    Args:
        channels: number of channels of the image.
        classes: the number of logits per pixel.
        width: number of channels at full size, 64 in the authors' network; each halving of the image doubles it.
    """

    def __init__(self, channels: int = 3, classes: int = 2, *, width: int = 64) -> None:
        super().__init__()
        self.inc = _double_conv(channels, width)
        self.down1 = _down(width, 2 * width)
        self.down2 = _down(2 * width, 4 * width)
        self.down3 = _down(4 * width, 8 * width)
        self.down4 = _down(8 * width, 16 * width)
        self.up1 = _Up(16 * width, 8 * width)
        self.up2 = _Up(8 * width, 4 * width)
        self.up3 = _Up(4 * width, 2 * width)
        self.up4 = _Up(2 * width, width)
        self.outc = nn.Sequential(OrderedDict(conv=nn.Conv2d(width, classes, 1, bias=False)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes, height, width) of images (n, channels, height, width), both float.

        Height and width must be at least 32 pixels and need not be even.
        """
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.up1(self.down4(x4), x4)
        x = self.up4(self.up3(self.up2(x, x3), x2), x1)
        logits: Tensor = self.outc(x)
        return logits


class _Up(nn.Module):
    """Doubles the image size, concatenates the skip connection, and convolves."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2, bias=False)
        self.conv = _double_conv(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        joined: Tensor = self.conv(torch.cat([skip, x], dim=1))
        return joined


def _down(inputs: int, outputs: int) -> nn.Sequential:
    """Return layers that halve the image size, then convolve."""
    return nn.Sequential(OrderedDict(maxpool_conv=nn.Sequential(nn.MaxPool2d(2), _double_conv(inputs, outputs))))


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Return two convolutions without bias, each followed by batch normalization and ReLU."""
    layers = nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs, affine=False, track_running_stats=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs, affine=False, track_running_stats=False),
        nn.ReLU(inplace=True),
    )
    return nn.Sequential(OrderedDict(double_conv=layers))
