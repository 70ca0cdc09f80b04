"""Reference networks, with the parameter names of their published checkpoints where these exist."""

from frformat.train.models.gan import GAN, Discriminator, Generator
from frformat.train.models.lenet5 import LeNet5
from frformat.train.models.resnet20 import ResNet20
from frformat.train.models.srcnn import SRCNN
from frformat.train.models.unet import UNet
from frformat.train.models.vae import VAE
from frformat.train.models.vit import VisionTransformer

__all__ = ["GAN", "SRCNN", "VAE", "Discriminator", "Generator", "LeNet5", "ResNet20", "UNet", "VisionTransformer"]
