"""Reference networks, with the parameter names of their published checkpoints where there are some."""

from frformat.models.gan import GAN, Discriminator, Generator
from frformat.models.lenet5 import LeNet5
from frformat.models.resnet20 import ResNet20
from frformat.models.unet import UNet
from frformat.models.vae import VAE
from frformat.models.vit import VisionTransformer

__all__ = ["GAN", "VAE", "Discriminator", "Generator", "LeNet5", "ResNet20", "UNet", "VisionTransformer"]
