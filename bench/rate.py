"""Train networks to given file sizes, and measure their accuracy and the time of a training step.

    python -m bench.rate [WORD …]

This command trains the missing networks (only runs whose name contains one of the words), on one thread, and writes
``bench/results/rate.json``. If interrupted, it resumes where it stopped when it is run again. No run selects an epoch:
the network after the last epoch is tested, with weights decoded from its file.

* The small network on scikit-learn's digits is trained by its recipe, for several sizes and without a size.
* LeNet-5 on MNIST learns, in equal parts, from the labels and from the published LeNet-5 that was pruned with ADMM
  (99.31 %). Images are shifted as in the recipe.
* The time of a step is processor time, relative to a step of LeNet-5's recipe without a size.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from bench import DATA, ROOT
from frformat.format.atomic import replacing
from frformat.torch import save_model
from frformat.train import Recipe, Workers, train
from frformat.train.models import LeNet5
from frformat.train.recipes.digits import Digits
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.run import Run

BUILD: Final = ROOT / "build" / "rate"
RESULTS: Final = ROOT / "bench" / "results" / "rate.json"

AIMS: Final = {520: 0.98, 900: 0.987, 1500: 0.9905, 3000: 0.9932}
"""Target accuracies by file size in bytes."""

DIGITS: Final = (None, 400, 600)
"""Sizes of the small network; None uses its recipe's number of coefficients."""

SEEDS: Final = (0, 1, 2)
EPOCHS: Final = 30

STEPS: Final = 150
"""Number of steps to measure, after the same number of warm-up steps. The axes of the optimizer are updated once
during the measured steps."""

Json = dict[str, Any]


def main(words: Sequence[str]) -> None:
    """Train the missing networks, write the results, and print them."""
    torch.set_num_threads(1)
    for name, recipe in _runs():
        path = BUILD / name / "point.json"
        if not path.exists() and any(word in name for word in words or [name]):
            print(name, flush=True)
            teacher = _teacher() if recipe.settings.distill else None
            outcome = train(recipe, BUILD / name, folder=DATA, teacher=teacher, resume=True)
            point = {
                "network": recipe.name,
                "size": recipe.settings.size,
                "seed": recipe.settings.seed,
                "epochs": recipe.settings.epochs,
                "nbytes": outcome.nbytes,
                "numbers": outcome.numbers,
                "accuracy": round(outcome.decoded["accuracy"], 4),
            }
            with replacing(path) as file:
                file.write(json.dumps(point).encode())
    if not words or "step" in words:
        _write(BUILD / "steps.json", _steps())
    points = [json.loads((BUILD / name / "point.json").read_text()) for name, _ in _runs() if _done(name)]
    steps = BUILD / "steps.json"
    _write(RESULTS, {"points": points, "steps": json.loads(steps.read_text()) if steps.exists() else []})
    for point in points:
        aim = AIMS.get(point["size"]) if point["network"] == LeNet5OnMnist.name else None
        words = [f"{point['network']}, seed {point['seed']}", f"{point['nbytes']} bytes", f"{point['accuracy']:.2%}"]
        print(" | ".join([*words, "" if aim is None else f"aim: {aim:.2%}"]))


def _runs() -> list[tuple[str, Recipe]]:
    """Return all runs by name."""
    base = replace(LeNet5OnMnist.defaults, epochs=EPOCHS, precision="bf16", distill=0.5)
    small = [Digits(replace(Digits.defaults, size=size, seed=seed)) for size in DIGITS for seed in SEEDS]
    large = [LeNet5OnMnist(replace(base, size=size, seed=seed)) for seed in SEEDS for size in AIMS]
    runs: list[Recipe] = [*small, *large]
    return [(f"{run.name}-{run.settings.size or 'default'}-{run.settings.seed}", run) for run in runs]


def _done(name: str) -> bool:
    return (BUILD / name / "point.json").exists()


def _teacher() -> Path:
    """Return the file of the published network."""
    model, path = LeNet5(), BUILD / "teacher.frz"
    model.load_state_dict(torch.load(DATA / "lenet_pruned" / "admm_mnist_cnn.pt", weights_only=True))
    BUILD.mkdir(parents=True, exist_ok=True)
    save_model(model, path)
    return path


def _steps() -> list[Json]:
    """Measure a step of the recipe and of runs for several sizes, which take turns."""
    data = LeNet5OnMnist().data(str(DATA))
    sizes = (None, *AIMS)
    runs = [Run(LeNet5OnMnist(replace(LeNet5OnMnist.defaults, size=size)), data, Workers()) for size in sizes]
    seconds = [0.0] * len(runs)
    for step in range(2 * STEPS):
        for number, run in enumerate(runs):
            start = time.process_time()
            run.advance()
            seconds[number] += (step >= STEPS) * (time.process_time() - start)
    return [
        {"size": size, "seconds": round(spent / STEPS, 5), "relative": round(spent / seconds[0], 2)}
        for size, spent in zip(sizes, seconds, strict=True)
    ]


def _write(path: Path, content: object) -> None:
    with replacing(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
