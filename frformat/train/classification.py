"""Base class of recipes whose model assigns each image to one of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from frformat.train.data import Pixels
from frformat.train.draws import Draws
from frformat.train.group import ProcessGroup
from frformat.train.recipe import Batch, Loss, Recipe, mean

EVALUATED: int = 1000
"""Number of samples to process at a time without gradients."""


class Classification(Recipe):
    """Samples are images, uint8 (n, channels, height, width), and labels, int64 (n,). The model returns logits.

    Attributes:
        pixels: how images are normalized for the model; None if samples are float32 in the model's input format.
        channels_last: whether channels are last in memory, which speeds up small convolutions.
    """

    metric = "accuracy"
    distills = True
    pixels: ClassVar[Pixels | None] = None
    channels_last: ClassVar[bool] = False

    def inputs(self, samples: Batch) -> Tensor:
        """Return the normalized images.

        Raises:
            ValueError: they are integers, but ``pixels`` does not say how to normalize them.
        """
        images = samples[0]
        if self.pixels is not None:
            images = self.pixels(images)
        elif not images.is_floating_point():
            raise ValueError(f"recipe {self.name} has images of type {images.dtype}; set pixels, e.g. to UNIT_PIXELS")
        return images.to(memory_format=torch.channels_last) if self.channels_last else images

    def losses(self) -> Mapping[str, Loss]:
        """Return the cross-entropy, combined with the distillation loss if there is a teacher."""
        return {"": self.loss}

    def loss(self, model: nn.Module, batch: Batch, draws: Draws) -> Tensor:
        """See :meth:`losses`."""
        images = self.inputs(batch)
        return distilled(self, model(images), images, batch[1])

    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return the accuracy (a share) and the cross-entropy."""

        def score(batch: Batch) -> Mapping[str, Tensor]:
            logits, labels = model(self.inputs(batch)).float(), batch[1]
            if (largest := int(labels.max())) >= logits.shape[1]:
                raise ValueError(f"recipe {self.name} has label {largest}, but its model has {logits.shape[1]} outputs")
            return {
                "accuracy": logits.argmax(1) == labels,
                "cross_entropy": F.cross_entropy(logits, labels, reduction="none"),
            }

        return mean(samples, EVALUATED, group, score)


def distilled(recipe: Recipe, logits: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy with the labels, averaged with a distillation loss if there is a teacher.

    The weight of the distillation loss is the setting ``distill``. The loss is T² times the Kullback–Leibler divergence
    from the teacher at temperature T, after G. Hinton et al., "Distilling the knowledge in a neural network", 2015; the
    factor T² preserves the magnitude of gradients.

    Args:
        recipe: provides the settings and the teacher.
        logits: (n, classes, …).
        images: the input of the model.
        labels: int64 (n, …).
    """
    hard = F.cross_entropy(logits, labels)
    share, temperature = recipe.settings.distill, recipe.settings.temperature
    if recipe.teacher is None or share == 0:
        return hard
    with torch.no_grad():
        target = F.log_softmax(recipe.teacher(images) / temperature, 1)
    divergence = F.kl_div(F.log_softmax(logits / temperature, 1), target, reduction="none", log_target=True)
    return (1 - share) * hard + share * temperature**2 * divergence.sum(1).mean()
