"""A generative adversarial network for MNIST: a generator of 237,153 parameters, and its discriminator.

I. Goodfellow et al., "Generative adversarial nets", 2014, with the convolutions of A. Radford, L. Metz, S. Chintala,
"Unsupervised representation learning with deep convolutional generative adversarial networks", 2016. With batch
normalization, an image would depend on the other images in its batch. The generator therefore normalizes each image
separately (Y. Wu, K. He, "Group normalization", 2018), and the discriminator has no normalization.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Generator(nn.Module):
    """Generates gray images of 28×28 pixels from normally distributed numbers.

    Args:
        latents: number of latent values per image.
        width: number of channels at 14×14 pixels; at 7×7 pixels, there are twice as many. A multiple of 4.
    """

    def __init__(self, latents: int = 64, *, width: int = 32) -> None:
        super().__init__()
        self.latents, self.width = latents, width
        self.fc = nn.Linear(latents, 2 * width * 7 * 7)
        self.norm1 = nn.GroupNorm(8, 2 * width, affine=False)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.norm2 = nn.GroupNorm(4, width, affine=False)
        self.up2 = nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Return images (n, 1, 28, 28) in 0 … 1 from latent values (n, latents), both float."""
        x = self.fc(z).view(-1, 2 * self.width, 7, 7)
        x = F.relu(self.norm2(self.up1(F.relu(self.norm1(x)))))
        images: Tensor = self.up2(x).sigmoid()
        return images


class Discriminator(nn.Module):
    """Classifies images of 28×28 pixels as real or generated.

    Args:
        width: number of channels at 14×14 pixels; at 7×7 pixels, there are twice as many.
    """

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.fc = nn.Linear(2 * width * 7 * 7, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n,) of images (n, 1, 28, 28) in 0 … 1, both float."""
        x = F.leaky_relu(self.conv1(2 * x - 1), 0.2)
        x = F.leaky_relu(self.conv2(x), 0.2)
        logits: Tensor = self.fc(x.flatten(1))
        return logits.squeeze(1)


class GAN(nn.Module):
    """Both networks, for training; afterwards, only the generator is used.

    Args:
        latents: number of latent values per image.
        width: width of both networks.
    """

    def __init__(self, latents: int = 64, *, width: int = 32) -> None:
        super().__init__()
        self.generator = Generator(latents, width=width)
        self.discriminator = Discriminator(width=width)

    def forward(self, z: Tensor) -> Tensor:
        """Return generated images."""
        images: Tensor = self.generator(z)
        return images
