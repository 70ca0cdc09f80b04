"""What a recipe is: a network, its data, what it should learn and how well it did."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from frformat.train.draws import Draws
from frformat.train.pictures import Picture
from frformat.train.settings import Settings
from frformat.train.workers import Workers

StrPath = str | os.PathLike[str]
Batch = tuple[Tensor, ...]
Loss = Callable[[nn.Module, Batch, Draws], Tensor]
"""Of a model, this process's samples of a batch and the step's randomness: a scalar, the mean over the samples."""


@dataclass(frozen=True)
class Data:
    """Samples: tensors of bytes and labels, whose first axis is the sample.

    Attributes:
        train: to train with.
        test: to test the result with.
        held_out: of ``train``, to watch progress with.
    """

    train: TensorDataset
    test: TensorDataset
    held_out: TensorDataset | None = None

    @property
    def watched(self) -> TensorDataset:
        """Samples to watch progress with: those that were held out, else those of ``test``."""
        return self.held_out or self.test

    def holding_out(self, share: float) -> Data:
        """Return the same without the last ones of ``train``, which are to watch progress with."""
        count = math.ceil(share * len(self.train))
        if count == 0:
            return self
        kept, held = (
            TensorDataset(*(t[part] for t in self.train.tensors)) for part in (slice(-count), slice(-count, None))
        )
        return Data(kept, self.test, held)


class Recipe(ABC):
    """One task; see :mod:`frformat.train.recipes` for examples.

    Attributes:
        name: the word after ``frformat train``.
        summary: one line for the list of recipes.
        defaults: settings that were found to work.
        metric: which of the figures of :meth:`evaluate` counts.
        maximize: whether more of it is better.
        distills: whether the losses follow :attr:`teacher` where the settings ask for it.
        settings: those of this run.
        teacher: a trained model to compare with (knowledge distillation), in evaluation mode.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    defaults: ClassVar[Settings]
    metric: ClassVar[str]
    maximize: ClassVar[bool] = True
    distills: ClassVar[bool] = False

    def __init__(self, settings: Settings | None = None) -> None:
        """Take settings, or else :attr:`defaults`.

        Raises:
            ValueError: they ask for a teacher, whom this recipe would not follow.
        """
        self.settings = settings or self.defaults
        if self.settings.distill and not self.distills:
            raise ValueError(
                f"distill={self.settings.distill}: there is nothing to learn from a teacher in {self.name}"
            )
        self.teacher: nn.Module | None = None

    @abstractmethod
    def data(self, folder: StrPath | None) -> Data:
        """Return the samples.

        Args:
            folder: the folder of data sets, as for :mod:`frformat.train.data`.

        Raises:
            MissingDataError: they are not there.
            DataError: a file is damaged.
        """

    @abstractmethod
    def model(self) -> nn.Module:
        """Return the plain network, initialized by PyTorch's global generator."""

    @abstractmethod
    def losses(self) -> Mapping[str, Loss]:
        """What to minimize, by the name of the part of the model that does; the name ``""`` is the whole model."""

    @abstractmethod
    def evaluate(self, model: nn.Module, samples: TensorDataset, workers: Workers) -> dict[str, float]:
        """Figures of merit on samples that the model was not trained with, the same in all processes.

        One of them is :attr:`metric`. The model is in evaluation mode and there are no gradients.
        """

    @abstractmethod
    def inputs(self, samples: Batch) -> Tensor:
        """What the exported model is to be given for some samples."""

    def prepare(self, samples: Batch, draws: Draws) -> Batch:
        """Return samples as training sees them; for augmentation. They are on the device."""
        return samples

    def exported(self, model: nn.Module) -> nn.Module:
        """Return the part of the model that is of use after training, and goes into the file."""
        return model

    def picture(self, model: nn.Module, samples: TensorDataset) -> Picture | None:
        """What a model does, for people to look at; None if there is nothing to see.

        The model is in evaluation mode and there are no gradients.
        """
        return None


def batches(dataset: TensorDataset, size: int, workers: Workers) -> Iterator[Batch]:
    """This process's samples of a set, every so many in order, ``size`` at a time, on the device."""
    own = [tensor[workers.rank :: workers.size] for tensor in dataset.tensors]
    for start in range(0, len(own[0]), size):
        yield tuple(tensor[start : start + size].to(workers.device) for tensor in own)


def mean(
    dataset: TensorDataset, size: int, workers: Workers, score: Callable[[Batch], Mapping[str, Tensor]]
) -> dict[str, float]:
    """Return means over a set of what ``score`` gives for each sample, vectors by name; the same in all processes.

    There must be at least as many samples as processes.
    """
    sums: dict[str, Tensor] = {}
    for batch in batches(dataset, size, workers):
        for name, values in score(batch).items():
            sums[name] = sums.get(name, 0) + values.double().sum()
    total = workers.total(torch.stack(list(sums.values())))
    return {name: float(value) / len(dataset) for name, value in zip(sums, total, strict=True)}
