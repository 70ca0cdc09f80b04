"""Decompose the published ResNet-20, fine-tune it, and compare it with the dense network, fine-tuned in the same way.

    python -m bench tucker

Every network is fine-tuned for ten epochs on the training images, with the same settings, on a GPU if there is one. The
learning rate was chosen with the smallest network and a third of the training images, a fifth of which were used for
validation; no choice was based on the test images. Results are kept in ``bench/results/tucker.json``. Remove an entry
to measure it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.utils.data import TensorDataset

from bench import DATA, ROOT, Missing, Row
from bench.compress import network
from bench.records import Result, kept
from frformat import CodedTensor
from frformat.torch import decompose, load_model, save_file, save_model
from frformat.torch.costs import costs
from frformat.train import Data, history, train
from frformat.train.data import IMAGENET_PIXELS
from frformat.train.export import evaluating
from frformat.train.group import ProcessGroup, joined
from frformat.train.loop import HISTORY, MODEL
from frformat.train.recipe import spread
from frformat.train.recipes.resnet20 import ResNet20OnCifar10

RESULTS: Final = ROOT / "bench" / "results" / "tucker.json"
BUILD: Final = ROOT / "build" / "tucker"

CASES: Final[dict[str, tuple[int | None, float]]] = {
    "81,000 parameters": (81_000, 78.8),
    "134,000 parameters": (134_000, 83.5),
    "dense": (None, 0.0),
}
"""The target accuracy for each budget."""

RATES: Final = (0.01, 0.02, 0.05)
"""The learning rates to choose from."""

TRIED: Final = "81,000 parameters"
"""The network used to choose the learning rate."""

FORMATS: Final = ("q8", "q6")
SEEN: Final = 1024
"""Number of training images from which statistics are computed."""


class Tuned(ResNet20OnCifar10):
    """A recipe that fine-tunes the published network or its factors."""

    defaults = replace(
        ResNet20OnCifar10.defaults,
        dense=True,
        epochs=10,
        optimizer="sgd",
        warmup=0.1,
        weight_decay=1e-4,
        precision="bf16",
        schedule="start",
        format=None,
    )
    budget: int | None = None
    every: int = 1

    def data(self, folder: Any) -> Data:
        """Return CIFAR-10, or every n-th sample of it."""
        whole = _cifar10()
        train, test = (TensorDataset(*(t[:: self.every] for t in each.tensors)) for each in (whole.train, whole.test))
        return Data(train, test)

    def model(self) -> nn.Module:
        """Return the network before fine-tuning."""
        model = network()
        if self.budget is not None:
            images = self.data(DATA).train.tensors[0]
            seen = images[spread(len(images), SEEN)]
            decompose(model, parameters=self.budget, batches=map(self.pixels, seen.split(128)))
        return model


@cache
def _cifar10() -> Data:
    """Return CIFAR-10; reading it takes a while, so it is cached."""
    return ResNet20OnCifar10().data(DATA)


def recipe(budget: int | None, rate: float, trial: bool = False) -> Tuned:
    """Return the recipe for a budget and a learning rate."""
    made = Tuned(replace(Tuned.defaults, plain_lr=rate, holdout=0.2 if trial else 0.0))
    made.budget, made.every = budget, 3 if trial else 1
    return made


def run() -> Iterator[Row]:
    """Yield one row per network."""
    if not (DATA / "resnet_cifar10").exists() or not (DATA / "cifar10").exists():
        raise Missing("resnet_cifar10 or cifar10 does not exist: set FRFORMAT_DATA to a folder that contains both")
    torch.set_num_threads(1)
    rate = chosen_rate()
    for name, (budget, aim) in CASES.items():
        found = measured(name, budget, rate)
        stored = ", ".join(
            f"{each} {found[f'{each} bytes']:,} B: {found[f'{each} accuracy']:.2f} %" for each in FORMATS
        )
        figure = (
            f"{found['parameters']:,} parameters, {found['multiply_adds'] / 1e6:.1f} M multiply-adds: "
            f"{found['accuracy']:.2f} %; {stored}"
        )
        closest = min(found["accuracy"] - found[f"{each} accuracy"] for each in FORMATS)
        met = found["accuracy"] >= aim and closest <= 0.3
        yield Row(
            f"ResNet-20, {name}", figure, f"≥ {aim} %, quantized within 0.3 point" if aim else "–", met or not aim
        )


def chosen_rate() -> float:
    """Return the learning rate that is best on the validation images."""
    budget, _ = CASES[TRIED]

    def validated(rate: float) -> float:
        def measure() -> dict[str, float]:
            tuned, folder = recipe(budget, rate, trial=True), _folder(f"{TRIED}-{rate}")
            with joined() as group:
                train(tuned, folder, folder=DATA, group=group, resume=True)
            return {"validation accuracy": 100 * history.read(folder / HISTORY)[-1].metrics[tuned.metric]}

        return _kept(f"learning rate {rate}", measure)["validation accuracy"]

    return max(RATES, key=validated)


def measured(name: str, budget: int | None, rate: float) -> dict[str, float]:
    """Fine-tune one network on all training images, and evaluate the weights decoded from its files."""

    def measure() -> dict[str, float]:
        tuned, folder = recipe(budget, rate), _folder(name)
        with joined() as group:
            outcome = train(tuned, folder, folder=DATA, group=group, resume=True)
        model = tuned.model()
        load_model(model, folder / MODEL)
        image = IMAGENET_PIXELS(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
        found = {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "multiply_adds": costs(model, image).multiply_adds,
            "learning rate": rate,
            "bytes": outcome.nbytes,
            "accuracy": 100 * outcome.decoded[tuned.metric],
        }
        back = network()
        for format in FORMATS:
            path = folder / f"{format}.frz"
            save_model(model, path, format=format) if budget is not None else save_file(_rounded(model, format), path)
            load_model(back, path)
            with evaluating(back):
                scores = tuned.evaluate(back, tuned.data(DATA).test, ProcessGroup())
            found |= {f"{format} bytes": path.stat().st_size, f"{format} accuracy": 100 * scores[tuned.metric]}
        return found

    return _kept(name, measure)


def _rounded(model: nn.Module, format: str) -> dict[str, torch.Tensor | CodedTensor]:
    """Return a plain model's state dict with rounded weights; `save_model` would keep them exact."""
    state = model.state_dict()
    return {
        name: CodedTensor.of_array(tensor.numpy(), format, axis=0) if tensor.ndim > 1 else tensor
        for name, tensor in state.items()
    }


def _folder(name: str) -> Path:
    return BUILD / name.replace(" ", "-").replace(",", "")


def _kept(key: str, measure: Callable[[], Result]) -> Result:
    """Return a recorded result with two decimals, or measure and record it."""
    return kept(RESULTS, key, lambda: {name: round(value, 2) for name, value in measure().items()})
