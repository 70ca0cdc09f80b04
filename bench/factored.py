"""Compare the published UNet running on coefficients and on rebuilt weights, using the ten Carvana images."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import frformat
from bench import Row
from bench.isolated import current_memory, measured, peak_memory, reset_peak
from bench.unet import carvana, spectra
from frformat.torch import factorize
from frformat.torch.factorization import portable
from frformat.train.data import UNIT_PIXELS
from frformat.train.models import UNet

THREADS = 2
ROUNDS = 2
"""Number of times that both networks segment each image, in turn. The fastest run counts."""


def run() -> Iterator[Row]:
    """Measure speed and agreement, then memory in separate processes, and then the size of an export."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.frz"
        frformat.save_file(spectra(), path)
        try:
            yield from _comparison(path)
        finally:
            torch.set_num_threads(threads)
        yield from _memory(path)
        yield _export(path)


@dataclass
class Image:
    """The results of both networks for one image.

    Attributes:
        seconds: times of the fastest runs with rebuilt weights and on coefficients.
        difference: largest difference between logits.
        other: share of pixels that are assigned to different classes.
        dice: Dice scores of both networks.
    """

    seconds: tuple[float, float]
    difference: float
    other: float
    dice: tuple[float, float]


def _comparison(path: Path) -> Iterator[Row]:
    image, _ = carvana()[0]
    with torch.device("meta"):
        skeleton = UNet()
    networks = _rebuilt(), factorize(skeleton, UNIT_PIXELS(image[None]), path)
    made = [_compare(networks, UNIT_PIXELS(image[None]), truth) for image, truth in carvana()]
    faster = sorted(each.seconds[0] / each.seconds[1] for each in made)
    median = faster[len(faster) // 2]
    rebuilt, factored = (min(each.seconds[i] for each in made) for i in (0, 1))
    figure = f"{median:.1f} × faster, from {faster[0]:.1f} to {faster[-1]:.1f} ({rebuilt:.2f} s → {factored:.2f} s)"
    yield Row("UNet, 959×640, 2 threads, median of ten images", figure, "≥ 5 ×", median >= 5)
    difference, other = max(each.difference for each in made), max(each.other for each in made)
    yield Row("… largest difference of a logit", f"{difference:.1e}", "≤ 1e-3", difference <= 1e-3)
    yield Row("… largest share of pixels with a different class in an image", f"{other:.4%}", "≤ 0.01 %", other <= 1e-4)
    same = all(round(each.dice[0], 4) == round(each.dice[1], 4) for each in made)
    mean = [sum(each.dice[i] for each in made) / len(made) for i in (0, 1)]
    yield Row(
        "… Dice of each image, to four digits", f"{'equal' if same else 'differs'}, mean {mean[1]:.4f}", "equal", same
    )


def _rebuilt() -> nn.Module:
    network = UNet()
    network.load_state_dict({name: torch.from_numpy(each.weights()) for name, each in spectra().items()})
    return network


@torch.inference_mode()
def _compare(networks: tuple[nn.Module, ...], x: Tensor, truth: Tensor) -> Image:
    seconds, logits = [float("inf")] * 2, [x, x]
    for _ in range(ROUNDS):
        for i, network in enumerate(networks):
            start = time.perf_counter()
            logits[i] = network(x)
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    masks = [each[0].argmax(0) for each in logits]
    dice = [2 * float((mask & truth).sum() / (mask.sum() + truth.sum())) for mask in masks]
    other = float((masks[0] != masks[1]).double().mean())
    return Image((seconds[0], seconds[1]), float((logits[0] - logits[1]).abs().max()), other, (dice[0], dice[1]))


def _memory(path: Path) -> Iterator[Row]:
    """Measure, in new processes that have already run a small network, how much memory loading and one run add."""
    rebuilt, factored = (measured("bench.factored", kind, path) for kind in ("rebuilt", "factored"))
    loaded = f"{factored['loaded'] / 1e6:.1f} MB, rebuilt {rebuilt['loaded'] / 1e6:.0f} MB"
    yield Row("… weights: resident after loading", loaded, "≤ 2 MB", factored["loaded"] <= 2e6)
    yield Row(
        "… peak while loading",
        f"{factored['loading'] / 1e6:.1f} MB, rebuilt {rebuilt['loading'] / 1e6:.0f} MB",
        "≤ 2 MB",
        factored["loading"] <= 2e6,
    )
    share = factored["running"] / rebuilt["running"]
    figure = (
        f"{share:.0%} of the rebuilt network's ({factored['running'] / 1e6:.0f} MB / {rebuilt['running'] / 1e6:.0f} MB)"
    )
    yield Row("… activations: peak of one forward pass", figure, "≤ 50 %", share <= 0.5)
    share = (factored["loaded"] + factored["running"]) / (rebuilt["loaded"] + rebuilt["running"])
    yield Row("… loading and one forward pass together", f"{share:.0%} of the rebuilt network's", "", True)


def main(kind: str, path: str) -> None:
    """Load one of the networks and run it once; print its memory use."""
    torch.set_num_threads(THREADS)
    image, _ = carvana()[0]
    x = UNIT_PIXELS(image[None])
    small = {
        name: frformat.Spectrum(each.coefficients[:9], tuple(tensor.shape))
        for (name, each), tensor in zip(spectra().items(), UNet(width=8).state_dict().values(), strict=True)
    }
    with tempfile.NamedTemporaryFile(suffix=".frz") as file, torch.inference_mode():
        frformat.save_file(small, file.name)
        _load(kind, file.name, 8, x[..., :64, :64])(x[..., :64, :64])
    gc.collect()
    before = current_memory()
    reset_peak()
    network = _load(kind, path, 64, x)
    gc.collect()
    loaded, loading = current_memory() - before, peak_memory() - before
    reset_peak()
    start = current_memory()
    with torch.inference_mode():
        network(x)
    print(json.dumps({"loaded": loaded, "loading": loading, "running": peak_memory() - start}))


def _load(kind: str, path: str, width: int, x: Tensor) -> nn.Module:
    with torch.device("meta"):
        network = UNet(width=width)
    if kind == "factored":
        return factorize(network, x, path)
    network.load_state_dict(
        {name: torch.from_numpy(array) for name, array in frformat.load_file(path).items()}, assign=True
    )
    return network


def _export(path: Path) -> Row:
    """Measure the size of an export for the lite interpreter, together with the coefficients."""
    from frformat.runtimes import export

    with torch.device("meta"):
        skeleton = UNet()
    factored = factorize(skeleton, torch.empty(1, 3, 640, 959, device="meta"), path)
    size = export(portable(factored), path.with_suffix(".ptl")).bytes
    together = size + path.stat().st_size
    figure = f"{size:,} + {path.stat().st_size:,} = {together:,} bytes"
    return Row("… factored skeleton.ptl and model.frz", figure, "≤ 20 kB", together <= 20_000)


if __name__ == "__main__":
    main(*sys.argv[1:])
