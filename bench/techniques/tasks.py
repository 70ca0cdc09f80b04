"""The networks on which techniques are compared: one trained checkpoint each, and what all techniques share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from torch import nn
from torch.utils.data import TensorDataset

from bench import DATA, ROOT
from bench.published import LENET, lenet5
from bench.unet import SmallUNet
from frformat.torch import save_model
from frformat.train import Data, Recipe, Settings, setup, train
from frformat.train.loop import MODEL
from frformat.train.recipes import resnet20
from frformat.train.recipes.digits import Digits
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.recipes.resnet20 import ResNet20OnCifar10

BUILD: Final = ROOT / "build" / "techniques"

HELD_OUT: Final = 1 / 12
"""Share of the training samples on which hyperparameters are chosen."""


@dataclass(frozen=True, eq=False)
class Task:
    """A network, its data, and what all techniques share.

    To compare techniques on your own network, create a task with your own recipe.

    Attributes:
        name: the name in the results.
        recipe: the network, its data, augmentation, loss and metric.
        dense: returns the ``.frz`` file of the trained network that all techniques start from. It is also the teacher.
        sizes: the file sizes in bytes at which techniques are compared.
        settings: the training that each technique may use: epochs, batch size, distillation, precision.
        spectra: returns the settings of Frequency Regularization for a number of coefficients.
        pruned: changes to these settings for converting the trained network.
        fixed: names of layers whose outputs structured pruning leaves unchanged.
        every: train on every n-th sample.
        tried: to choose hyperparameters, train on every n-th of these samples.
        calibration: number of training samples for techniques that observe the network.
        folder: the folder of data sets.
    """

    name: str
    recipe: type[Recipe]
    dense: Callable[[], Path]
    sizes: tuple[int, ...]
    settings: Settings
    spectra: Callable[[int], Mapping[str, Any]]
    pruned: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    every: int = 1
    tried: int = 3
    calibration: int = 256
    folder: Path | None = DATA

    @cached_property
    def whole(self) -> Data:
        """All samples, with a validation set that was split from the training samples."""
        return self.recipe(self.settings).data(self.folder).with_validation(HELD_OUT)

    def data(self, trial: bool) -> Data:
        """Return the samples to train on and those to evaluate on: validation samples in a trial, else test samples."""
        every = self.every * (self.tried if trial else 1)
        whole = self.whole
        assert whole.validation is not None
        evaluated = whole.validation if trial else whole.test
        if whole.passes > 1:
            return Data(whole.train, evaluated, passes=max(1, whole.passes // every))
        return Data(TensorDataset(*(tensor[::every] for tensor in whole.train.tensors)), evaluated)

    def model(self, weights: Path | None = None) -> nn.Module:
        """Return the network, by default with the weights that all techniques start from."""
        return setup.plain_model(self.recipe(self.settings), weights or self.dense()).eval()


def trained(recipe: Recipe, folder: Path) -> Path:
    """Return the file of a network, after training it if necessary."""
    if not (folder / MODEL).exists():
        train(recipe, folder, folder=DATA, resume=True)
    return folder / MODEL


@cache
def _lenet5() -> Path:
    lenet5()
    return LENET / MODEL


@cache
def _resnet20() -> Path:
    from bench.compress import network

    path = BUILD / "resnet20.frz"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(network(), path)
    return path


def _unet() -> Path:
    settings = replace(SmallUNet.defaults, epochs=6, plain_lr=1e-3, dense=True, precision="bf16", holdout=HELD_OUT)
    return trained(SmallUNet(settings), BUILD / "unet-dense")


def _digits() -> Path:
    return trained(
        Digits(replace(Digits.defaults, epochs=30, plain_lr=5e-3, dense=True, holdout=HELD_OUT)), BUILD / "digits-dense"
    )


SHARES: Final = {
    "conv1.weight": (84, 500, " view=20,25"),
    "conv2.weight": (310, 25_000, ""),
    "fc1.weight": (280, 400_000, ""),
    "fc2.weight": (90, 5_000, " view=2,5,500"),
}
"""For each weight tensor of LeNet-5: number of coefficients in the recipe, number of elements, and view."""


def _lenet5_spectra(total: int) -> dict[str, Any]:
    """Return settings that distribute coefficients as the recipe does."""
    factor = total / sum(share for share, _, _ in SHARES.values())
    rules = [f"{name}: keep={min(room, round(factor * n))}{view}" for name, (n, room, view) in SHARES.items()]
    return {
        "rules": (*rules, "*.bias: keep=3"),
        "optimizer": "eigen",
        "lr": LeNet5OnMnist.defaults.lr,
        "format": "q9",
    }


def _resnet20_spectra(total: int) -> dict[str, Any]:
    shares = (288, 531, 1017)
    count = total / (6 * 288 + 6 * 531 + 6 * 1017)
    rules = resnet20.rules(*(max(8, round(count * share)) for share in shares))
    return {"rules": rules, "lr": ResNet20OnCifar10.defaults.lr, "format": "q8"}


def _share_spectra(weights: int, lr: float) -> Callable[[int], dict[str, Any]]:
    """Return a function that maps a number of coefficients to settings under which all tensors keep the same share."""
    return lambda total: {"keep": min(1.0, total / weights), "lr": lr, "format": "q8"}


TASKS: Final = {
    "lenet5": Task(
        "LeNet-5",
        LeNet5OnMnist,
        _lenet5,
        (1_000, 4_000, 16_000),
        Settings(epochs=4, batch=128, lr=1e-3, distill=0.5, temperature=2.0, precision="bf16"),
        _lenet5_spectra,
        {"schedule": "prune", "optimizer": "adamw", "truncate_for": 0.6, "lr": 0.01},
        every=3,
    ),
    "resnet20": Task(
        "ResNet-20",
        ResNet20OnCifar10,
        _resnet20,
        (16_000, 32_000, 64_000, 128_000),
        Settings(epochs=2, batch=128, lr=1e-3, distill=0.5, temperature=4.0, precision="bf16"),
        _resnet20_spectra,
        {"schedule": "prune", "truncate_for": 0.6},
        fixed=("conv1", *(f"layer{n}.{block}.conv2" for n in (1, 2, 3) for block in (0, 1, 2)), "linear"),
        every=4,
    ),
    "unet": Task(
        "UNet, width 8",
        SmallUNet,
        _unet,
        (3_000, 12_000, 48_000),
        Settings(epochs=2, batch=4, lr=1e-3, distill=0.5, temperature=1.0, precision="bf16"),
        _share_spectra(485_000, 0.05),
        {"schedule": "prune", "truncate_for": 0.6, "lr": 0.01},
        calibration=4,
    ),
    "digits": Task(
        "digits",
        Digits,
        _digits,
        (800, 3_000),
        Settings(epochs=10, batch=32, lr=1e-3, distill=0.5),
        _share_spectra(21_578, 0.05),
        {"schedule": "prune", "truncate_for": 0.6, "lr": 0.01},
        tried=2,
        calibration=64,
        folder=None,
    ),
}
"""The tasks, by the word that selects them on the command line."""
