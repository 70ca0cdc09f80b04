"""Measure ``frformat compress`` on the published ResNet-20, compared with the coder of the ISO standard.

    python -m bench compress

Calibration uses 512 training images, without labels, and their mirror images. Three seeds select different images.
Accuracy is measured with the weights from the file on the 10,000 test images. Results are kept in
``bench/results/compress.json``, from which ``docs/compression.png`` is drawn. Remove an entry to measure it again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, Final

import torch
from torch import Tensor, nn

from bench import DATA, ROOT, Row, resnet20_path
from bench.records import Result, kept, recorded
from frformat.format.atomic import replacing
from frformat.torch import compress, load_model
from frformat.train.data import IMAGENET_PIXELS, load_cifar10
from frformat.train.models import ResNet20

RESULTS: Final = ROOT / "bench" / "results" / "compress.json"
PICTURE: Final = ROOT / "docs" / "compression.png"

DENSE: Final = 81.03
SIZES: Final = {66_000: 80.7, 52_000: 80.2, 44_000: 79.5}
"""Target accuracy, as the mean over all seeds, by maximum file size in bytes."""

BLIND: Final = {90_000: 80.5, 82_000: 80.1}
"""Target accuracy without calibration data, by maximum size in bytes: three quarters of the standard coder's size."""

STANDARD: Final = ((87_000, 78.37), (112_000, 79.7), (128_800, 80.95), (159_900, 80.89))
"""Sizes and accuracies of nncodec 2.1.3 with dependent quantization on the same network and images."""

SEEDS: Final = (0, 1, 2)
CALIBRATION: Final = 512
EFFORT: Final = 2


def run() -> Iterator[Row]:
    """Yield one row per size. A row with calibration covers all three seeds."""
    resnet20_path()  # skips the benchmark if the network is missing
    for size, aim in SIZES.items():
        found = [measured(size, seed) for seed in SEEDS]
        average = mean(each["accuracy"] for each in found)
        figures = ", ".join(f"{each['accuracy']:.2f} %" for each in found)
        biggest = max(each["bytes"] for each in found)
        figure = f"{biggest:,} B: {figures}; mean {average:.2f} %"
        yield Row(f"ResNet-20, calibrated, ≤ {size:,} bytes", figure, f"mean ≥ {aim} %", average >= aim)
    for size, aim in BLIND.items():
        each = measured(size, None)
        figure = f"{each['bytes']:,} B: {each['accuracy']:.2f} %"
        yield Row(f"ResNet-20, weights alone, ≤ {size:,} bytes", figure, f"≥ {aim} %", each["accuracy"] >= aim)
    draw()


def measured(size: int, seed: int | None) -> dict[str, Any]:
    """Return the result for a file of at most ``size`` bytes. Without a seed, use no data."""

    def measure() -> Result:
        options = {} if seed is None else {"batches": calibration(seed), "effort": EFFORT}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.frz"
            found = compress(network(), path, size=size, **options)
            back = ResNet20()
            load_model(back, path)
        return {"bytes": found.nbytes} | figures(back.eval())

    return kept(RESULTS, _key(size, seed), measure)


def _key(size: int, seed: int | None) -> str:
    return f"{size} {'weights' if seed is None else f'seed {seed}'}"


def network() -> nn.Module:
    """Return the published network."""
    state = torch.load(resnet20_path(), map_location="cpu", weights_only=True)["state_dict"]
    model = ResNet20()
    model.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    return model.eval()


@cache
def images(split: Any) -> tuple[Tensor, ...]:
    """Return images as uint8 pixels, and their labels."""
    return tuple(load_cifar10(split, DATA).tensors)


def calibration(seed: int) -> list[Tensor]:
    """Return batches of training images and their mirror images."""
    pixels = images("train")[0]
    chosen = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))[:CALIBRATION]
    x = IMAGENET_PIXELS(pixels[chosen])
    return list(torch.cat([x, x.flip(3)]).split(64))


@torch.no_grad()
def logits(model: nn.Module) -> Tensor:
    """Return the logits of the test images."""
    return torch.cat([model(IMAGENET_PIXELS(x)) for x in images("test")[0].split(250)])


@cache
def reference() -> Tensor:
    """Return the logits of the published network."""
    return logits(network())


def figures(model: nn.Module) -> dict[str, float]:
    """Return the accuracy on the test images in percent, and the divergence from the published network in nats."""
    found = logits(model)
    right = (found.argmax(1) == images("test")[1]).float().mean()
    log, other = reference().log_softmax(1), found.log_softmax(1)
    divergence = (log.exp() * (log - other)).sum(1).mean()
    return {"accuracy": round(100 * float(right), 2), "divergence": round(float(divergence), 4)}


def draw() -> None:
    """Plot accuracy against bytes for all results so far."""
    from matplotlib.figure import Figure

    known = recorded(RESULTS)
    figure = Figure(figsize=(7, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    for seed in (*SEEDS, None):
        keys = [_key(size, seed) for size in (BLIND if seed is None else SIZES)]
        points = sorted((known[key]["bytes"] / 1000, known[key]["accuracy"]) for key in keys if key in known)
        style, color = ("s-", "tab:orange") if seed is None else ("o-", "tab:blue")
        label = {None: "weights alone", SEEDS[0]: "512 images"}.get(seed)
        axes.plot([x for x, _ in points], [y for _, y in points], style, color=color, lw=1, label=label)
    axes.plot([n / 1000 for n, _ in STANDARD], [y for _, y in STANDARD], "^-", color="grey", label="nncodec 2.1.3")
    axes.axhline(DENSE, color="black", lw=0.8, ls="--", label="1,079 kB of f32")
    axes.set_xlabel("kB")
    axes.set_ylabel("accuracy, %")
    axes.set_title("ResNet-20, CIFAR-10 as JPEG, without training", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(PICTURE) as file:
        figure.savefig(file, format="png")
