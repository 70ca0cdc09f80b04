"""Profiles of models with tiers, measured: ``python -m bench.tiers [MODEL …]`` writes ``bench/results/tiers.json``.

The file is a list of models with their names, the ``command`` that measured them, ``data`` and ``score``, whether their
tiers were ``trained_together``, and the ``tiers`` from the smallest to the largest, all of them prefixes of one set of
coefficients. For each tier:

* ``numbers``: how many numbers are kept, coefficients and plain parameters;
* ``accuracy``: the score; ``alone``: that of a model of this size that was trained by itself, null if there is none;
* ``multiply_adds``: of one inference at batch 1 as PyTorch counts them, those of rebuilding weights included;
* ``weight_bytes``: of the numbers in memory;
* ``peak_bytes``: most bytes of tensors alive at once during that inference, the numbers included.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from bench import ROOT
from bench.unet import carvana, dice, spectra
from frformat.atomic import replacing
from frformat.data import MNIST_PIXELS, UNIT_PIXELS, load_mnist
from frformat.models import LeNet5, UNet
from frformat.torch.regularization import load_spectra, regularize, spectral_tensors, truncate

PATH = ROOT / "bench" / "results" / "tiers.json"

Counts = dict[str, int]
Pair = tuple[Tensor, Tensor]
Json = dict[str, Any]


def main(names: list[str]) -> None:
    """Train and measure the named models, or all (some twenty minutes on one thread); the file keeps the others."""
    torch.set_num_threads(1)
    for name in names or MODELS:
        made = {"name": name, "command": f"python -m bench.tiers {name}", "torch": torch.__version__.partition("+")[0]}
        made |= MODELS[name]()
        others = json.loads(PATH.read_text())["models"] if PATH.exists() else []
        models = [*(model for model in others if model["name"] != name), made]
        PATH.parent.mkdir(exist_ok=True)
        with replacing(PATH) as file:
            file.write(json.dumps({"models": models}, indent=1).encode() + b"\n")


def lenet() -> Json:
    """LeNet-5 on MNIST: four tiers trained together for three epochs, and four models trained alone."""
    images, labels = load_mnist("train").tensors

    def make(size: int) -> nn.Module:
        rules = [f"fc1.weight: keep={6 * size}", "*.bias: keep=3"]
        return regularize(LeNet5(), size, rules=rules, example=MNIST_PIXELS(images[:1]))

    def batches() -> Iterator[Pair]:
        while True:
            for chosen in torch.randperm(len(images)).split(128)[:-1]:
                yield MNIST_PIXELS(images[chosen]), labels[chosen]

    tested = load_mnist("test").tensors
    rows = _tiers(make, (16, 32, 100, 400), batches, 3 * 468, 0.03, lambda model: _accuracy(model, *tested))
    return {"data": "MNIST, all 10,000 test images", "score": "accuracy", "trained_together": True, "tiers": rows}


def small_unet() -> Json:
    """A UNet of half the width on quarter-size cars: four tiers trained together on seven pictures, tested on three."""
    pairs = _cars()

    def batches() -> Iterator[Pair]:
        while True:
            for i in torch.randperm(7).tolist():
                image, truth = pairs[i]
                mirrored = torch.rand(()) < 0.5
                yield (image.flip(3), truth.flip(1)) if mirrored else (image, truth)

    rows = _tiers(
        lambda size: regularize(UNet(width=32), size),
        (12, 33, 100, 300),
        lambda: ((x, y[None].long()) for x, y in batches()),
        150,
        0.1,
        lambda model: dice(model, pairs[7:]),
        compared=False,
    )
    return {"data": "Carvana, three images of 239x160", "score": "mean Dice", "trained_together": True, "tiers": rows}


def published_unet() -> Json:
    """The published UNet cut to shorter prefixes, without any training, on the same pictures."""
    pairs = _cars()
    whole = regularize(UNet(), 33, trained=True)
    load_spectra(whole, spectra())
    rows = []
    for kept in (16, 24, 33):
        model = _truncated(whole, kept)
        rows.append(measure(model, pairs[0][0], dice(model, pairs), None))
    return {"data": "Carvana, ten images of 239x160", "score": "mean Dice", "trained_together": False, "tiers": rows}


def _tiers(
    make: Callable[[int], nn.Module],
    sizes: Sequence[int],
    batches: Callable[[], Iterator[Pair]],
    steps: int,
    rate: float,
    score: Callable[[nn.Module], float],
    *,
    compared: bool = True,
) -> list[Json]:
    """Train one model with tiers of these sizes, and to compare a model of each size alone; measure."""
    example = next(batches())[0][:1]
    together = _train(make, sizes, batches(), steps, rate)
    rows = []
    for size in sizes:
        model = _truncated(together, _counts(make(size)))
        alone = score(_train(make, [size], batches(), steps, rate)) if compared else None
        rows.append(measure(model, example, score(model), alone))
        print(rows[-1], flush=True)
    return rows


def _train(
    make: Callable[[int], nn.Module], sizes: Sequence[int], batches: Iterator[Pair], steps: int, rate: float
) -> nn.Module:
    """A model of the largest size; the losses of all sizes are added up."""
    torch.manual_seed(0)
    tiers = [_counts(make(size)) for size in sizes]
    model = make(sizes[-1])
    masks = [_masks(model, counts) for counts in tiers]
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for x, y in islice(batches, steps):
        optimizer.zero_grad()
        for mask in masks:
            parameters = {name: p * mask[name] if name in mask else p for name, p in model.named_parameters()}
            F.cross_entropy(torch.func.functional_call(model, parameters, x), y).backward()
        optimizer.step()
        schedule.step()
    return model


def _counts(model: nn.Module) -> Counts:
    return {name: tensor.kept for name, tensor in spectral_tensors(model).items()}


def _masks(model: nn.Module, counts: Counts) -> dict[str, Tensor]:
    """By parameter: 1 for the first coefficients, 0 for those that a tier does not have."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors = spectral_tensors(model).items()
    return {names[id(t.coefficients)]: (torch.arange(t.kept) < counts[n]).float() for n, t in tensors}


def _truncated(model: nn.Module, counts: Counts | int) -> nn.Module:
    """A copy with so many coefficients."""
    copied = copy.deepcopy(model)
    truncate(copied, counts)
    return copied


@torch.no_grad()
def _accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    batches = zip(images.split(1000), labels.split(1000), strict=True)
    return sum(int((model(MNIST_PIXELS(x)).argmax(1) == y).sum()) for x, y in batches) / len(images)


def _cars() -> list[Pair]:
    """Images (1, 3, 160, 239) and masks (160, 239), a quarter of their size."""
    return [(_quarter(UNIT_PIXELS(x[None])), _quarter(y[None, None].float())[0, 0] >= 0.5) for x, y in carvana()]


def _quarter(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=0.25, mode="bilinear", antialias=True)


@torch.no_grad()
def measure(model: nn.Module, x: Tensor, accuracy: float, alone: float | None) -> Json:
    """The entry of a tier; ``x`` is a batch of one."""
    model(x)
    with FlopCounterMode(display=False) as counter:
        model(x)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    weight_bytes = sum(parameter.nbytes for parameter in model.parameters())
    return {
        "numbers": numbers,
        "accuracy": round(accuracy, 4),
        "alone": None if alone is None else round(alone, 4),
        "multiply_adds": counter.get_total_flops() // 2,
        "weight_bytes": weight_bytes,
        "peak_bytes": weight_bytes + _peak(model, x),
    }


def _peak(model: nn.Module, x: Tensor) -> int:
    """Most bytes that one inference has allocated at once."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        model(x)
    held = peak = 0
    for event in sorted(profiler.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


MODELS: dict[str, Callable[[], Json]] = {
    "LeNet-5": lenet,
    "UNet-32": small_unet,
    "UNet-published": published_unet,
}

if __name__ == "__main__":
    main(sys.argv[1:])
