"""Decompose the published ResNet-20, fine-tune it, and compare it with the dense network, fine-tuned in the same way.

    python -m bench tucker

Every network is fine-tuned for one epoch on the training images, with the same settings. No choice was based on the
test images. Results are kept in ``bench/results/tucker.json``. Remove a row to measure it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import torch
from torch import nn

from bench import DATA, ROOT, Missing, Row
from bench.compress import network
from frformat import CodedTensor
from frformat.format.atomic import replacing
from frformat.torch import decompose, load_model, save_file, save_model
from frformat.torch.costs import costs
from frformat.train import Data, train
from frformat.train.data import IMAGENET_PIXELS
from frformat.train.export import evaluating
from frformat.train.loop import MODEL
from frformat.train.recipes.resnet20 import ResNet20OnCifar10
from frformat.train.workers import Workers

RESULTS: Final = ROOT / "bench" / "results" / "tucker.json"
BUILD: Final = ROOT / "build" / "tucker"

CASES: Final[dict[str, tuple[int | None, float]]] = {
    "dense": (None, 0.0),
    "134,000 parameters": (134_000, 83.5),
    "81,000 parameters": (81_000, 78.8),
}
"""The target accuracy for each budget."""

SEEN: Final = 1024
"""Number of training images from which statistics are computed."""


class Tuned(ResNet20OnCifar10):
    """A recipe that fine-tunes the published network or its factors."""

    defaults = replace(
        ResNet20OnCifar10.defaults,
        dense=True,
        epochs=1,
        plain_lr=2e-3,
        precision="bf16",
        schedule="start",
        format=None,
    )
    budget: int | None = None

    def model(self) -> nn.Module:
        """Return the network before fine-tuning."""
        model = network()
        if self.budget is not None:
            images = torch.stack([sample[0] for sample in _first(self.data(DATA), SEEN)])
            decompose(model, parameters=self.budget, batches=map(self.pixels, images.split(128)))
        return model


def _first(data: Data, count: int) -> Any:
    return [data.train[index] for index in range(count)]


def _rounded(model: nn.Module) -> dict[str, torch.Tensor | CodedTensor]:
    """Return a plain model's state dict with 8-bit weights; `save_model` would keep them exact."""
    state = model.state_dict()
    return {
        name: CodedTensor.of_array(tensor.numpy(), "q8", axis=0) if tensor.ndim > 1 else tensor
        for name, tensor in state.items()
    }


def run() -> Iterator[Row]:
    """Yield one row per network."""
    if not (DATA / "resnet_cifar10").exists() or not (DATA / "cifar10").exists():
        raise Missing("resnet_cifar10 or cifar10 does not exist: set FRFORMAT_DATA to a folder that contains both")
    torch.set_num_threads(1)
    for name, (budget, aim) in CASES.items():
        found = measured(name, budget)
        figure = (
            f"{found['parameters']:,} parameters, {found['multiply_adds'] / 1e6:.1f} M multiply-adds: "
            f"{found['accuracy']:.2f} %; q8 {found['q8 bytes']:,} B: {found['q8 accuracy']:.2f} %"
        )
        met = found["accuracy"] >= aim and found["q8 accuracy"] >= found["accuracy"] - 0.3
        yield Row(f"ResNet-20, {name}", figure, f"≥ {aim} %, q8 within 0.3 point" if aim else "–", met or not aim)


def measured(name: str, budget: int | None) -> dict[str, float]:
    """Fine-tune one network, and evaluate the weights decoded from its files."""
    known: dict[str, dict[str, float]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if name not in known:
        recipe = Tuned(Tuned.defaults)
        recipe.budget = budget
        folder = BUILD / name.replace(" ", "-").replace(",", "")
        outcome = train(recipe, folder, folder=DATA, resume=True)
        model = recipe.model()
        load_model(model, folder / MODEL)
        path = folder / "q8.frz"
        save_model(model, path, format="q8") if budget is not None else save_file(_rounded(model), path)
        back = network()
        load_model(back, path)
        with evaluating(back):
            rounded = recipe.evaluate(back, recipe.data(DATA).test, Workers())
        known[name] = {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "multiply_adds": costs(model, IMAGENET_PIXELS(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))).multiply_adds,
            "bytes": outcome.nbytes,
            "accuracy": 100 * outcome.decoded[recipe.metric],
            "q8 bytes": path.stat().st_size,
            "q8 accuracy": 100 * rounded[recipe.metric],
        }
        with replacing(RESULTS) as file:
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in known.items())
            file.write(f"{{\n{lines}\n}}\n".encode())
    return known[name]
