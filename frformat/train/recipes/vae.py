"""A variational autoencoder on MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from frformat.train.data import UNIT_PIXELS
from frformat.train.draws import Draws
from frformat.train.group import ProcessGroup
from frformat.train.models import VAE
from frformat.train.pictures import Picture, tiled
from frformat.train.recipe import Batch, Loss, Recipe, mean
from frformat.train.recipes.mnist import OnMnist
from frformat.train.settings import Settings

EVALUATED: int = 1000
"""Number of images to process at a time without gradients."""

SHOWN: Final = 10
"""Number of images per row of the picture."""


class VaeOnMnist(OnMnist, Recipe):
    """Views weights next to the pixels with separate axes for rows and columns, and the hidden units as 20×20.

    In the shape (28, 28, 400), 6,000 coefficients would provide 33 patterns that the units can combine; in this view,
    they provide 186.

    A gray value is the probability that the pixel is white. The loss is the negative evidence lower bound (ELBO), in
    nats, of images whose pixels are drawn with these probabilities, while the encoder sees the gray image. The loss is
    linear in the drawn pixels, so its value for the gray image is its mean.
    """

    name = "vae"
    summary = "a variational autoencoder on MNIST: 11,496 of 652,824 parameters"
    metric = "negative_elbo"
    maximize = False
    defaults = Settings(
        epochs=20,
        batch=128,
        lr=0.1,
        warmup=0.1,
        rules=(
            "encoder.weight: keep=4000 view=20,20,28,28",
            "mean.weight: keep=600",
            "log_variance.weight: keep=200",
            "decoder.weight: keep=600",
            "output.weight: keep=6000 view=28,28,20,20",
            "output.bias: keep=64 view=28,28",
            "*.bias: keep=8",
        ),
        format="q8",
    )

    def model(self) -> nn.Module:
        """Return the autoencoder."""
        return VAE()

    def inputs(self, samples: Batch) -> Tensor:
        """Return the images, scaled to 0 … 1."""
        return UNIT_PIXELS(samples[0])

    def losses(self) -> Mapping[str, Loss]:
        """Return the negative ELBO, with one draw of the latent values per image."""
        return {"": self.loss}

    def loss(self, model: nn.Module, batch: Batch, draws: Draws) -> Tensor:
        """See :meth:`losses`."""
        assert isinstance(model, VAE)
        reconstruction, divergence = negative_elbo(model, self.inputs(batch), draws.normal(model.latents))
        return (reconstruction + divergence).mean()

    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return the negative ELBO and its parts, in nats per image. All batches use the same noise."""
        assert isinstance(model, VAE)
        noise = torch.randn(EVALUATED, model.latents, generator=torch.Generator().manual_seed(0)).to(group.device)

        def score(batch: Batch) -> Mapping[str, Tensor]:
            reconstruction, divergence = negative_elbo(model, self.inputs(batch), noise[: len(batch[0])])
            both = reconstruction + divergence
            return {"negative_elbo": both, "reconstruction": reconstruction, "divergence": divergence}

        return mean(samples, EVALUATED, group, score)

    def picture(self, model: nn.Module, samples: TensorDataset) -> Picture:
        """Return a picture that shows images with their reconstructions below them."""
        images = self.inputs(tuple(tensor[:SHOWN] for tensor in samples.tensors))
        device = next(model.parameters()).device
        return tiled(torch.cat([images, model(images.to(device)).cpu()]), SHOWN)


def negative_elbo(model: VAE, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cost of coding each image given its latent values, and of coding these values: both (n,), in nats.

    Args:
        model: the autoencoder.
        images: (n, 1, 28, 28) in 0 … 1.
        noise: standard normal numbers (n, latents).
    """
    center, log_variance = (part.float() for part in model.encode(images))
    logits = model.decode(center + noise * (0.5 * log_variance).exp()).float()
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum((1, 2, 3))
    divergence = 0.5 * (center**2 + log_variance.exp() - 1 - log_variance).sum(1)
    return reconstruction, divergence
