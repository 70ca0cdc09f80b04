"""The interface of a recipe: a network, its data, its losses and its metrics."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from frformat.train.draws import Draws
from frformat.train.group import ProcessGroup
from frformat.train.pictures import Picture
from frformat.train.settings import Settings

T = TypeVar("T")

StrPath = str | os.PathLike[str]
Batch = tuple[Tensor, ...]
Loss = Callable[[nn.Module, Batch, Draws], Tensor]
"""Function that returns the mean loss, a scalar, given a model, this process's samples of a batch and the step's random
numbers."""


@dataclass(frozen=True)
class Data:
    """The samples: tensors of bytes and labels, with one sample per index of their first axis.

    Attributes:
        train: training samples.
        test: test samples, used only for evaluation.
        validation: validation samples split from ``train``.
        passes: number of passes over ``train`` in an epoch.
    """

    train: TensorDataset
    test: TensorDataset
    validation: TensorDataset | None = None
    passes: int = 1

    @property
    def samples(self) -> int:
        """Number of training samples in an epoch."""
        return len(self.train) * self.passes

    @property
    def evaluated(self) -> TensorDataset:
        """The samples on which progress is measured: the validation samples if there are any, else ``test``."""
        return self.validation or self.test

    def with_validation(self, share: float) -> Data:
        """Split off a share of ``train`` as validation samples; see :func:`spread`.

        Data that already have validation samples remain as they are.

        Raises:
            ValueError: no samples are left for training.
        """
        total = len(self.train)
        count = math.ceil(share * total)
        left = total if self.validation is not None else total - count
        if share and not left:
            raise ValueError(f"holdout={share:g}: no samples are left for training")
        if left == total:
            return self
        chosen = torch.zeros(total, dtype=torch.bool)
        chosen[spread(total, count)] = True
        kept, held = (TensorDataset(*(t[part] for t in self.train.tensors)) for part in (~chosen, chosen))
        return replace(self, train=kept, validation=held)


def spread(total: int, count: int) -> Tensor:
    """Return ``count`` of the indices of ``total`` samples, in ascending order: a random one of each of as many parts.

    Parts, because data sets may be sorted by class; random, because their order may have a period. In MNIST's training
    set, every other image is from a source that is harder to read. The choice is always the same.
    """
    edges = torch.arange(count + 1) * total // count
    places = torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return edges[:-1] + (places * edges.diff()).long()


class Recipe(ABC):
    """One task; see :mod:`frformat.train.recipes` for examples.

    Attributes:
        name: the word after ``frformat train``.
        summary: one line for the list of recipes.
        defaults: settings that work well.
        metric: the name of the decisive metric from :meth:`evaluate`.
        maximize: whether a higher value is better.
        distills: whether the losses can use :attr:`teacher`.
        settings: the settings of this run.
        teacher: a trained model to learn from (knowledge distillation), in evaluation mode.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    defaults: ClassVar[Settings]
    metric: ClassVar[str]
    maximize: ClassVar[bool] = True
    distills: ClassVar[bool] = False

    def __init__(self, settings: Settings | None = None) -> None:
        """Use these settings, or else :attr:`defaults`.

        Raises:
            ValueError: they require a teacher, which this recipe does not support.
        """
        self.settings = settings or self.defaults
        if self.settings.distill and not self.distills:
            raise ValueError(f"distill={self.settings.distill}: recipe {self.name} does not support a teacher")
        self.teacher: nn.Module | None = None

    @abstractmethod
    def data(self, folder: StrPath | None) -> Data:
        """Return the samples.

        Args:
            folder: the folder of data sets; see :mod:`frformat.train.data`.

        Raises:
            MissingDataError: the data set is missing.
            DataError: a file is damaged.
        """

    @abstractmethod
    def model(self) -> nn.Module:
        """Return the plain network, initialized with PyTorch's global generator."""

    @abstractmethod
    def losses(self) -> Mapping[str, Loss]:
        """Return the losses by the name of the part of the model that minimizes them; ``""`` is the whole model."""

    @abstractmethod
    def evaluate(self, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
        """Return metrics on samples that the model was not trained on. All processes return the same metrics.

        One of them is :attr:`metric`. The model is in evaluation mode, without gradients.
        """

    @abstractmethod
    def inputs(self, samples: Batch) -> Tensor:
        """Return the exported model's input for some samples."""

    def prepare(self, samples: Batch, draws: Draws) -> Batch:
        """Augment training samples, which are on the device."""
        return samples

    def exported(self, model: nn.Module) -> nn.Module:
        """Return the part of the model that is used after training and goes into the file."""
        return model

    def picture(self, model: nn.Module, samples: TensorDataset) -> Picture | None:
        """Return a picture of the model's results; None if there is nothing to show.

        The model is in evaluation mode, without gradients.
        """
        return None


def returned(recipe: Recipe, method: str, value: object, kind: type[T]) -> T:
    """Return what a method of a recipe has returned, as a value of the type that it must have.

    Raises:
        ValueError: it has another type.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{method} of recipe {recipe.name} returns {type(value).__name__}, not {kind.__name__}")
    return value


def model_inputs(recipe: Recipe, samples: Batch) -> Tensor:
    """Return the exported model's input for some samples.

    Raises:
        ValueError: ``recipe.inputs()`` returns something else than a tensor.
    """
    return returned(recipe, "inputs()", recipe.inputs(samples), Tensor)


def metrics(recipe: Recipe, model: nn.Module, samples: TensorDataset, group: ProcessGroup) -> dict[str, float]:
    """Return :meth:`Recipe.evaluate` as plain numbers.

    Raises:
        ValueError: a metric is not a number, the decisive one is missing, or the result is not a mapping.
    """
    found = returned(recipe, "evaluate()", recipe.evaluate(model, samples, group), Mapping)  # type: ignore[type-abstract]
    if recipe.metric not in found:
        others = ", ".join(map(str, found)) or "no metrics"
        raise ValueError(f"evaluate() of recipe {recipe.name} returns {others}, but not {recipe.metric!r}")
    try:
        return {name: float(value) for name, value in found.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"evaluate() of recipe {recipe.name} must return numbers: {error}") from error


def batches(dataset: TensorDataset, size: int, group: ProcessGroup) -> Iterator[Batch]:
    """Yield this process's samples of a set in order, ``size`` at a time, on the device."""
    own = [tensor[group.rank :: group.size] for tensor in dataset.tensors]
    for start in range(0, len(own[0]), size):
        yield tuple(tensor[start : start + size].to(group.device) for tensor in own)


def mean(
    dataset: TensorDataset, size: int, group: ProcessGroup, score: Callable[[Batch], Mapping[str, Tensor]]
) -> dict[str, float]:
    """Return the means over a set, by name; they are the same in all processes.

    ``score`` returns one vector of per-sample values for each name. The set must have at least as many samples as
    there are processes.
    """
    sums: dict[str, Tensor] = {}
    for batch in batches(dataset, size, group):
        for name, values in score(batch).items():
            sums[name] = sums.get(name, 0) + values.double().sum()
    total = group.total(torch.stack(list(sums.values())))
    return {name: float(value) / len(dataset) for name, value in zip(sums, total, strict=True)}
