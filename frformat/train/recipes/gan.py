"""A generative adversarial network on MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from frformat.train import frechet
from frformat.train.data import UNIT_PIXELS
from frformat.train.draws import Draws
from frformat.train.group import ProcessGroup
from frformat.train.models import GAN
from frformat.train.pictures import Picture, tiled
from frformat.train.recipe import Batch, Loss, Recipe, batches
from frformat.train.recipes.mnist import OnMnist
from frformat.train.settings import Settings

EVALUATED: int = 1000
"""Number of images to process at a time without gradients."""

PENALTY: Final = 1.0
"""γ of the gradient penalty."""

LATENTS: Final = 64
"""Number of latent values per image."""

SHOWN: Final = 10
"""Number of images per row and column of the picture."""


class GanOnMnist(OnMnist, Recipe):
    """Only the generator is regularized and stored in the file.

    Both networks minimize the logistic loss (I. Goodfellow et al., 2014, the generator's in its non-saturating form).
    The discriminator's squared gradient at real images is penalized; without this penalty, the two need not converge
    (R1 of L. Mescheder, A. Geiger, S. Nowozin, "Which training methods for GANs do actually converge?", 2018).
    """

    name = "gan"
    summary = "a generator of digits, trained against a discriminator (GAN, MNIST): 2,773 of 237,153 parameters"
    metric = "frechet"
    maximize = False
    defaults = Settings(
        epochs=20,
        batch=64,
        lr=0.01,
        plain_lr=5e-4,
        warmup=0.05,
        rules=("fc.weight: keep=1500", "up1.weight: keep=1000", "up2.weight: keep=256", "*.bias: keep=8"),
        format="q8",
        average_from=0.5,
    )

    def model(self) -> nn.Module:
        """Return both networks."""
        return GAN(LATENTS)

    def exported(self, model: nn.Module) -> nn.Module:
        """Return the generator."""
        assert isinstance(model, GAN)
        return model.generator

    def inputs(self, samples: Batch) -> Tensor:
        """Return as many latent vectors as there are samples, always the same ones."""
        return latents(len(samples[0])).to(samples[0].device)

    def losses(self) -> Mapping[str, Loss]:
        """Return the logistic loss of each network, and the discriminator's penalty."""
        return {"generator": self.generator_loss, "discriminator": self.discriminator_loss}

    def generator_loss(self, model: nn.Module, batch: Batch, draws: Draws) -> Tensor:
        """See :meth:`losses`."""
        assert isinstance(model, GAN)
        made = model.generator(draws.normal(LATENTS))
        return F.softplus(-model.discriminator(made)).mean()

    def discriminator_loss(self, model: nn.Module, batch: Batch, draws: Draws) -> Tensor:
        """See :meth:`losses`."""
        assert isinstance(model, GAN)
        with torch.no_grad():
            made = model.generator(draws.normal(LATENTS))
        real = UNIT_PIXELS(batch[0]).requires_grad_()
        verdict = model.discriminator(real)
        (slope,) = torch.autograd.grad(verdict.sum(), real, create_graph=True)
        penalty = 0.5 * PENALTY * slope.square().sum((1, 2, 3)).mean()
        return F.softplus(-verdict).mean() + F.softplus(model.discriminator(made)).mean() + penalty

    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return the Fréchet distance between the samples and an equal number of generated images."""
        latent = TensorDataset(latents(len(samples)))
        made = (model(batch) for (batch,) in batches(latent, EVALUATED, group))
        real = (UNIT_PIXELS(batch[0]) for batch in batches(samples, EVALUATED, group))
        return {"frechet": frechet.distance(frechet.moments(real, group), frechet.moments(made, group))}

    def picture(self, model: nn.Module, samples: TensorDataset) -> Picture:
        """Return a picture of generated images."""
        device = next(model.parameters()).device
        return tiled(model(latents(SHOWN**2).to(device)).cpu(), SHOWN)


def latents(n: int) -> Tensor:
    """Return latent vectors, always the same ones for the same ``n``: float32 (n, latents)."""
    return torch.randn(n, LATENTS, generator=torch.Generator().manual_seed(0))
