"""Super-resolution on a photograph from scikit-learn, trained in minutes without any download."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from frformat.train.data import UNIT_PIXELS, load_photo
from frformat.train.data.photo import COLUMNS
from frformat.train.draws import Draws
from frformat.train.group import ProcessGroup
from frformat.train.models import SRCNN
from frformat.train.pictures import Picture, tiled
from frformat.train.recipe import Batch, Data, Loss, Recipe, StrPath, mean
from frformat.train.settings import Settings

FACTOR: Final = 2
"""The factor by which images are enlarged."""

EVALUATED: Final = 16
"""Number of patches to process at a time without gradients."""

SHOWN: Final = 4
"""Number of patches per row of the picture."""


class SrcnnOnPhoto(Recipe):
    """Sharpens images that were reduced to half their size and enlarged again by bicubic interpolation."""

    name = "srcnn"
    summary = "super-resolution on a photograph from scikit-learn: 1,517 of 8,129 parameters, no download"
    metric = "psnr"
    defaults = Settings(
        epochs=8,
        batch=8,
        optimizer="eigen",
        lr=0.01,
        plain_lr=1e-3,
        rules=("conv1.weight: keep=700", "conv2.weight: keep=500", "conv3.weight: keep=300", "*.bias: keep=8"),
        format="q8",
    )

    def data(self, folder: StrPath | None) -> Data:
        """Return patches of the photograph; ``folder`` is not used.

        Validation samples are the patches at the right. Patches that overlap with them are left out.
        """
        train, test = load_photo("train"), load_photo("test")
        if not self.settings.holdout:
            return Data(train, test)
        (patches,) = train.tensors
        rows = patches.reshape(-1, COLUMNS, *patches.shape[1:])
        held = math.ceil(self.settings.holdout * COLUMNS)
        kept, validation = rows[:, : max(0, COLUMNS - held - 1)].flatten(0, 1), rows[:, COLUMNS - held :].flatten(0, 1)
        return Data(TensorDataset(kept), test, TensorDataset(validation))

    def model(self) -> nn.Module:
        """Return SRCNN."""
        return SRCNN()

    def inputs(self, samples: Batch) -> Tensor:
        """Return the patches reduced and enlarged again: float (n, 1, height, width)."""
        return enlarged(UNIT_PIXELS(samples[0]))

    def losses(self) -> Mapping[str, Loss]:
        """Return the mean squared error."""
        return {"": self.loss}

    def loss(self, model: nn.Module, batch: Batch, draws: Draws) -> Tensor:
        """See :meth:`losses`."""
        return F.mse_loss(model(self.inputs(batch)), UNIT_PIXELS(batch[0]))

    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return the peak signal-to-noise ratio in dB, and that of bicubic interpolation alone."""

        def score(batch: Batch) -> Mapping[str, Tensor]:
            truth, given = UNIT_PIXELS(batch[0]), self.inputs(batch)
            return {"psnr": psnr(model(given), truth), "bicubic": psnr(given, truth)}

        return mean(samples, EVALUATED, group, score)

    def picture(self, model: nn.Module, samples: TensorDataset) -> Picture:
        """Return a picture of enlarged patches with their sharpened versions below them."""
        given = self.inputs((samples.tensors[0][:SHOWN],))
        device = next(model.parameters()).device
        return tiled(torch.cat([given, model(given.to(device)).cpu()]), SHOWN)


def enlarged(images: Tensor) -> Tensor:
    """Halve images (n, 1, height, width) in size, and enlarge them again; height and width must be even."""
    small = F.interpolate(images, scale_factor=1 / FACTOR, mode="bicubic", antialias=True)
    return F.interpolate(small, scale_factor=FACTOR, mode="bicubic").clamp(0, 1)


def psnr(found: Tensor, truth: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each image (n, …) in 0 … 1, in dB: (n,)."""
    return -10 * (found.clamp(0, 1) - truth).square().flatten(1).mean(1).log10()
