"""Reference networks, with the parameter names of their published checkpoints."""

from frformat.models.lenet5 import LeNet5
from frformat.models.resnet20 import ResNet20
from frformat.models.unet import UNet

__all__ = ["LeNet5", "ResNet20", "UNet"]
