"""Compare Frequency Regularization with dense networks trained with the same recipe, for ResNet-20 and the UNet.

    python -m bench.networks [WORD …]

This command trains the missing networks (only runs whose name contains one of the words) and writes
``bench/results/networks.json``. The runs are short ones for a CPU, in bfloat16: six epochs of ResNet-20, and a UNet
with a quarter of the channels. ``--full`` uses the recipes' own settings, but still bfloat16; it needs a GPU. Run
the command again to resume it after an interruption.

The UNet is regularized from scratch. ResNet-20 is converted: it starts with the weights of the dense network, which
also serves as its teacher, and is trained for the same number of additional epochs. The case ``dense-on`` shows how
much the dense network gains from these epochs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from bench import DATA, ROOT
from bench.unet import NarrowUNet
from frformat.format.atomic import replacing
from frformat.train import RECIPES, Recipe, train
from frformat.train.loop import MODEL
from frformat.train.recipes import resnet20

BUILD: Final = ROOT / "build" / "networks"
RESULTS: Final = ROOT / "bench" / "results" / "networks.json"

SHORT: Final[dict[str, dict[str, Any]]] = {
    "resnet20": {"epochs": 6, "precision": "bf16"},
    "unet-isbi-16": {"epochs": 12, "precision": "bf16"},
}
FULL: Final[dict[str, dict[str, Any]]] = {"resnet20": {"precision": "bf16"}, "unet-isbi": {"precision": "bf16"}}

DENSE: Final = "dense"
LEARNED: Final = {"distill": 0.9}
FEW: Final = ("conv1.weight: keep=216", "linear.weight: keep=320")
CASES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "resnet20": {
        DENSE: {"dense": True},
        "dense-on": {"dense": True},
        "10": {**LEARNED, "rules": resnet20.rules(641, 1181, 2262)},
        "20": LEARNED,
        "50": {**LEARNED, "rules": resnet20.rules(77, 141, 271)},
        "100": {**LEARNED, "rules": (*FEW, *resnet20.rules(20, 37, 72))},
    },
    "unet-isbi": {DENSE: {"dense": True}, "2936": {}, "759": {"keep": 33}},
}
"""Changes to the recipes' settings. Except for the dense ones, each case is named after the factor by which the
number of parameters shrinks, or after the approximate number of parameters that remain."""

CONVERTED: Final = ("resnet20",)
"""Recipes whose runs start with the dense network's weights, except for the dense run itself."""


@dataclass(frozen=True)
class Point:
    """A network and its metrics, which are measured with the weights decoded from the file.

    Attributes:
        recipe: name of the recipe.
        case: see :data:`CASES`.
        epochs: number of training epochs.
        weights: number of weights of the plain network.
        numbers: number of parameters in the file.
        nbytes: size of the file.
        metrics: metrics on the test samples.
        difference: largest difference between the outputs of the trained and the decoded model, relative to the largest
            output.
    """

    recipe: str
    case: str
    epochs: int
    weights: int
    numbers: int
    nbytes: int
    metrics: dict[str, float]
    difference: float


def main(words: Sequence[str]) -> None:
    """Run the missing jobs, and write the results."""
    chosen = FULL if "--full" in words else SHORT
    words = [word for word in words if word != "--full"]
    torch.set_num_threads(1 if chosen is SHORT else torch.get_num_threads())
    for recipe, changes in chosen.items():
        for case, own in CASES[recipe.removesuffix("-16")].items():
            name, dense = (f"{recipe}-{word}-{changes.get('epochs', 'full')}" for word in (case, DENSE))
            path = BUILD / name / "point.json"
            if not path.exists() and (not words or any(word in name for word in words)):
                print(name, flush=True)
                kind = NarrowUNet if recipe == NarrowUNet.name else RECIPES[recipe]
                weights = BUILD / dense / MODEL if recipe in CONVERTED and case != DENSE else None
                point = run(kind(replace(kind.defaults, **changes, **own)), case, path.parent, weights)
                path.write_text(json.dumps(asdict(point)))
    points = [json.loads(path.read_text()) for path in sorted(BUILD.glob("*/point.json"))]
    with replacing(RESULTS) as file:
        file.write(("[\n" + ",\n".join(map(json.dumps, points)) + "\n]\n").encode())
    for point in points:
        print(point)


def run(recipe: Recipe, case: str, folder: Path, weights: Path | None) -> Point:
    """Train one network, starting with the weights of the dense network if required."""
    teacher = weights if recipe.settings.distill else None
    done = train(recipe, folder, folder=DATA, weights=weights, teacher=teacher, resume=True)
    difference = done.difference / done.scale
    epochs = recipe.settings.epochs
    return Point(recipe.name, case, epochs, done.weights, done.numbers, done.nbytes, done.decoded, difference)


if __name__ == "__main__":
    main(sys.argv[1:])
