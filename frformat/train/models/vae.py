"""A variational autoencoder for MNIST, 652,824 parameters.

D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", 2014: the encoder and the decoder each have one hidden
layer with ReLU, and each pixel has a Bernoulli distribution.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class VAE(nn.Module):
    """Maps gray images of 28×28 pixels to a few normally distributed numbers, and back.

    Calling the module is deterministic: it decodes the mean. Training uses :meth:`encode` and :meth:`decode`.

    Args:
        latents: number of latent values per image.
        hidden: units of each hidden layer.
    """

    def __init__(self, latents: int = 20, *, hidden: int = 400) -> None:
        super().__init__()
        self.latents = latents
        self.encoder = nn.Linear(28 * 28, hidden)
        self.mean = nn.Linear(hidden, latents)
        self.log_variance = nn.Linear(hidden, latents)
        self.decoder = nn.Linear(latents, hidden)
        self.output = nn.Linear(hidden, 28 * 28)

    def forward(self, x: Tensor) -> Tensor:
        """Return reconstructions of images, both float (n, 1, 28, 28): each pixel is the probability of white."""
        return self.decode(self.encode(x)[0]).sigmoid()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (n, 1, 28, 28) to the mean and log variance of their latent values, each (n, latents)."""
        x = F.relu(self.encoder(x.flatten(1)))
        return self.mean(x), self.log_variance(x)

    def decode(self, z: Tensor) -> Tensor:
        """Map latent values (n, latents) to logits of pixels (n, 1, 28, 28)."""
        logits: Tensor = self.output(F.relu(self.decoder(z)))
        return logits.view(-1, 1, 28, 28)
