"""ResNet-20 for CIFAR-10, 269,722 parameters.

The network of section 4.2 of K. He et al., "Deep residual learning for image recognition", 2016, whose shortcuts have
no parameters (option A). Names and initialization are those of https://github.com/akamaster/pytorch_resnet_cifar10;
its checkpoints load once ``module.`` is removed from the names.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ResNet20(nn.Module):
    """Nine blocks of two convolutions, three each with 16, 32 and 64 channels, for images of 32×32 pixels.

    The published weights expect pixels normalized by :data:`frformat.train.data.IMAGENET_PIXELS`.

    Args:
        classes: the number of logits.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _layer(16, 16, stride=1)
        self.layer2 = _layer(16, 32, stride=2)
        self.layer3 = _layer(32, 64, stride=2)
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes) of images (n, 3, 32, 32), both float."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


class _Block(nn.Module):
    """Two convolutions with batch normalization, added to a shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.grown = outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block. Option A: the shortcut skips pixels and pads channels with zeros on both sides."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = F.pad(shortcut, (0, 0, 0, 0, self.grown // 2, self.grown - self.grown // 2))
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


def _layer(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(inputs, outputs, stride), _Block(outputs, outputs, 1), _Block(outputs, outputs, 1))
