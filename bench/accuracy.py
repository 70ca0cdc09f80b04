"""Compare Frequency Regularization with 8-bit pruning for LeNet-5 on MNIST: accuracy against size.

    python -m bench.accuracy [WORD …]

This command trains the missing networks (only runs whose name contains one of the words) for a few minutes each, and
then writes ``bench/results/lenet5.json`` and ``docs/lenet5-sizes.png``. Run it again to resume after an interruption.
No run selects its best epoch: the network is tested after the last one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import torch

from bench import DATA, ROOT, lenet5_sizes
from bench.pruning import FORMAT, accuracy, coded, prune
from bench.published import admm_lenet5
from frformat.format.atomic import replacing
from frformat.torch.regularization.rounding import as_stored
from frformat.train import RECIPES, train
from frformat.train.data import load_mnist

BUILD: Final = ROOT / "build" / "accuracy"
RESULTS: Final = lenet5_sizes.ACCURACY

COUNTS: Final = {
    200: (24, 84, 38, 42),
    400: (46, 156, 116, 70),
    776: (84, 310, 280, 90),
    1500: (150, 638, 550, 150),
    3000: (230, 1300, 1188, 270),
    6600: (360, 2900, 2828, 500),
}
"""Number of coefficients of conv1, conv2, fc1 and fc2, by the total number of parameters. Each bias has three."""

SMALL_LR: Final = 0.02
"""Learning rate of runs with fewer parameters than the recipe trains. All other runs use the recipe's rate."""

SEEDS: Final = {776: (0, 1, 2)}
"""Seeds by number of parameters. All other runs use only seed 0."""

ROUNDED: Final = "q9"
"""Number format of the coefficients in runs with quantization-aware training."""


@dataclass(frozen=True)
class Point:
    """A network and its accuracy.

    Attributes:
        method: ``FR``, ``pruning`` or ``ADMM``.
        numbers: number of parameters, biases included.
        seed: seed of the run; None for a published network.
        epochs: number of training epochs.
        format: number format of the values.
        accuracy: share of the 10,000 test images that are classified correctly.
        nbytes: size of the file (``FR``), or the result of :func:`bench.pruning.coded`; None for pruned floats.
    """

    method: str
    numbers: int
    seed: int | None
    epochs: int | None
    format: str
    accuracy: float
    nbytes: int | None


def main(words: Sequence[str]) -> None:
    """Run the missing jobs, and write the results."""
    torch.set_num_threads(1)
    for name, run in jobs():
        path = BUILD / name / "points.json"
        if not path.exists() and (not words or any(word in name for word in words)):
            print(name, flush=True)
            done = run()
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, done)
    points = [Point(**row) for path in BUILD.glob("*/points.json") for row in json.loads(path.read_text())]
    points.sort(key=lambda point: (point.method, point.format, point.numbers, point.seed or 0))
    _write(RESULTS, points)
    lenet5_sizes.draw()


def jobs() -> Iterable[tuple[str, Callable[[], list[Point]]]]:
    """Yield all runs by name."""
    for numbers in COUNTS:
        for seed in SEEDS.get(numbers, (0,)):
            for format in (None, ROUNDED):
                name = f"fr-{numbers}-{format or 'f32'}-{seed}"
                yield name, partial(fr, name, numbers, format, seed)
    for seed in (0, 1, 2):
        yield f"pruning-{seed}", partial(pruning, seed)
    yield "admm", admm


def fr(name: str, numbers: int, format: str | None, seed: int) -> list[Point]:
    """Train LeNet-5 with this number of parameters, using its own recipe."""
    kind = RECIPES["lenet5"]
    names = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")
    keep = dict(zip(names, COUNTS[numbers], strict=True))
    rules = tuple(_rekept(rule, keep) for rule in kind.defaults.rules)
    lr = SMALL_LR if numbers < 776 else kind.defaults.lr
    settings = replace(kind.defaults, seed=seed, format=format, rules=rules, lr=lr)
    outcome = train(kind(settings), BUILD / name, folder=DATA, resume=True)
    share = outcome.decoded["accuracy"]
    return [Point("FR", outcome.numbers, seed, settings.epochs, format or "f32", share, outcome.nbytes)]


def pruning(seed: int) -> list[Point]:
    """Train LeNet-5 and prune it in stages."""
    points = []
    for stage in prune(seed, str(DATA)):
        points.append(Point("pruning", stage.numbers, seed, stage.epochs, "f32", stage.accuracy, None))
        if stage.nbytes:  # the dense network has no quantized accuracy
            points.append(Point("pruning", stage.numbers, seed, stage.epochs, FORMAT, stage.quantized, stage.nbytes))
        print(stage, flush=True)
    return points


def admm() -> list[Point]:
    """Return two points for the published LeNet-5 that was pruned with ADMM: unchanged, and rounded to 8 bits."""
    model, test = admm_lenet5(), load_mnist("test", str(DATA)).tensors
    plain = {name: weights.detach() for name, weights in model.named_parameters()}
    rounded = {name: as_stored(weights, FORMAT) for name, weights in plain.items()}
    numbers = sum(int(weights.count_nonzero()) for weights in plain.values())
    return [
        Point("ADMM", numbers, None, None, "f32", accuracy(model, plain, *test), None),
        Point("ADMM", numbers, None, None, FORMAT, accuracy(model, rounded, *test), coded(rounded)),
    ]


def _rekept(rule: str, keep: dict[str, int]) -> str:
    """Return the rule, changing the number of coefficients if ``keep`` contains the tensor."""
    name, _, words = rule.partition(":")
    kept = [f"keep={keep[name]}" if name in keep and word.startswith("keep=") else word for word in words.split()]
    return f"{name}: {' '.join(kept)}"


def _write(path: Path, points: Sequence[Point]) -> None:
    lines = ",\n".join(json.dumps(asdict(point)) for point in points)
    with replacing(path) as file:
        file.write(f"[\n{lines}\n]\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
