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


IGNORED: int = -100
"""Label of samples that the cross-entropy ignores."""


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
        logits = model(images)
        check_labels(self, logits, batch[1], draws)
        return distilled(self, logits, images, batch[1])

    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return the accuracy (a share) and the cross-entropy."""

        def score(batch: Batch) -> Mapping[str, Tensor]:
            logits, labels = model(self.inputs(batch)), batch[1]
            check_labels(self, logits, labels)
            return {
                "accuracy": logits.argmax(1) == labels,
                "cross_entropy": F.cross_entropy(logits.float(), labels, reduction="none"),
            }

        return mean(samples, EVALUATED, group, score)


def check_labels(recipe: Recipe, logits: object, labels: Tensor, draws: Draws | None = None) -> None:
    """Check that each label has an output, as the cross-entropy requires.

    Args:
        recipe: named in errors.
        logits: outputs of the model.
        labels: the labels of its inputs.
        draws: those of a training step. Steps after the first epoch are not checked: they have the same labels, and
            reading them makes a GPU wait.

    Raises:
        ValueError: the model does not return logits (n, classes, …), or labels are not int64 (n, …) from 0 to the
            number of classes − 1 (or −100, which PyTorch ignores).
    """
    if draws is not None and draws.progress * recipe.settings.epochs >= 1:
        return
    if not isinstance(logits, Tensor) or logits.dim() < 2:
        what = f"a tensor of shape {list(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"the model of recipe {recipe.name} returns {what}, not logits (samples, classes, …)")
    shape = [*logits.shape[:1], *logits.shape[2:]]
    if labels.dtype not in (torch.int64, torch.uint8) or [*labels.shape] != shape:
        raise ValueError(
            f"recipe {recipe.name} has labels of type {labels.dtype} and shape {list(labels.shape)}, not "
            f"torch.int64 and {shape}"
        )
    wrong = labels[(labels >= logits.shape[1]) | (labels < 0) & (labels != IGNORED)]
    if len(wrong):
        raise ValueError(
            f"recipe {recipe.name} has label {int(wrong[0])}, but its model has {logits.shape[1]} outputs: "
            "labels begin with 0"
        )


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
