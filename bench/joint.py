"""Compare tiers that are trained together with models of the same sizes that are trained alone.

    python -m bench.joint [WORD …]

This command trains the missing networks (only those whose name contains one of the words), which takes an hour on one
thread, and writes ``bench/results/joint.json``. Run it again to resume after an interruption. All runs of a
network have the same recipe and number of epochs; scores are means over the same seeds. In the file, ``models`` is a
list of networks with their ``name``, their ``data``, the meaning of their ``score``, and their
``tiers`` from smallest to largest. A tier has

* ``numbers``: number of parameters, both coefficients and plain values;
* ``accuracy``: the score; ``alone``: the score of a model of this size that was trained alone;
* ``multiply_adds``: number of multiply-adds of one inference at batch size 1, including rebuilding the weights;
* ``weight_bytes``: size of the parameters in memory;
* ``peak_bytes``: see :class:`frformat.torch.lowrank.cost.Cost`;
* ``scores`` and ``alone_scores``: the scores by seed, with the means ``accuracy`` and ``alone``;
* ``alone_bytes``: size of the file of the model that was trained alone;
* ``end``: number of bytes of the joint file up to the end of the tier;

and a network has ``file_bytes``, the size of the joint file; ``ratio``, its size relative to the file of the largest
model trained alone; ``switch_ms``, the time to switch between two tiers (the median for the slowest pair); and
``step``, the time of a training step with all tiers relative to a step of the largest model trained alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

import frformat
from bench import ROOT
from bench.unet import SmallUNet
from frformat.format.atomic import replacing
from frformat.torch import each_tier, load_model, set_tier
from frformat.torch.costs import costs
from frformat.torch.regularization import tier_sizes
from frformat.train import Data, ProcessGroup, Recipe, Row, Settings, setup, train
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.run import Run

BUILD = ROOT / "build" / "joint"
RESULTS = ROOT / "bench" / "results" / "joint.json"
SEEDS = (0, 1, 2)
SWITCHES = 200
STEPS = 12

Json = dict[str, Any]


class FewDigits(LeNet5OnMnist):
    """LeNet-5 on the first 24,000 images."""

    def data(self, folder: Any) -> Data:
        data = super().data(folder)
        return Data(TensorDataset(*(tensor[:24_000] for tensor in data.train.tensors)), data.test)


@dataclass(frozen=True)
class Case:
    """A network to measure.

    Attributes:
        name: name of the network.
        data: the data on which its score is measured.
        recipe: creates the recipe from settings.
        settings: settings of the joint training.
    """

    name: str
    data: str
    recipe: Callable[[Settings], Recipe]
    settings: Settings


CASES = (
    Case(
        "LeNet-5",
        "MNIST, all 10,000 test images",
        FewDigits,
        Settings(
            epochs=3,
            batch=128,
            lr=0.05,
            warmup=0.3,
            rules=(
                "conv1.weight: keep=480",
                "conv2.weight: keep=960",
                "fc1.weight: keep=1200",
                "fc2.weight: keep=416",
                "*.bias: keep=3",
            ),
            tiers=(0.25, 0.4, 0.65),
            distill=0.5,
            temperature=1.0,
            format="q8",
        ),
    ),
    Case(
        "UNet, width 8",
        "ISBI 2012, six images of 512×512",
        SmallUNet,
        Settings(
            epochs=3,
            batch=4,
            lr=0.05,
            warmup=0.1,
            keep=256,
            tiers=(32, 64, 128),
            distill=0.5,
            temperature=1.0,
            format="q8",
            precision="bf16",
        ),
    ),
)


def main(words: list[str]) -> None:
    """Train the missing networks, and write the results."""
    torch.set_num_threads(1)
    for case in CASES:
        if not words or any(word.lower() in case.name.lower() for word in words):
            for folder, recipe in (pair for seed in SEEDS for pair in _runs(case, seed).items()):
                train(recipe, folder, resume=True, callback=Listener(folder))
    done = [case for case in CASES if all(_file(run).exists() for seed in SEEDS for run in _runs(case, seed))]
    models = [_measured(case) for case in done]
    version = torch.__version__.partition("+")[0]
    RESULTS.parent.mkdir(exist_ok=True)
    with replacing(RESULTS) as file:
        contents = {"command": "python -m bench.joint", "torch": version, "models": models}
        file.write(json.dumps(contents, indent=1, ensure_ascii=False).encode() + b"\n")


def _runs(case: Case, seed: int) -> dict[Path, Recipe]:
    """Return the joint run and, for each tier, a run of that tier alone, by folder."""
    settings = replace(case.settings, seed=seed)
    joint = case.recipe(settings)
    model = setup.plain_model(joint)
    setup.regularized(joint, model, joint.data(None), trained=False)
    folder = BUILD / f"{''.join(filter(str.isalnum, case.name.lower()))}-{seed}"
    runs = {folder / "joint": joint}
    for tier, sizes in enumerate(tier_sizes(model)):
        raw = [rule for rule in settings.rules if rule.endswith(": raw")]
        rules = (*(f"{name}: keep={kept}" for name, kept in sizes.items()), *raw)
        alone = replace(settings, rules=rules, tiers=(), distill=0.0)
        runs[folder / f"alone{tier}"] = case.recipe(alone)
    return runs


class Listener:
    """Print a line for each epoch."""

    def __init__(self, folder: Path) -> None:
        self._name = f"{folder.parent.name}/{folder.name}"

    def step(self, run: Run) -> None:
        pass

    def compress(self, what: str, done: int, total: int) -> None:
        pass

    def epoch(self, row: Row) -> None:
        metric = next(iter(row.metrics))
        scores = [f"{scores[metric]:.4f}" for scores in row.tiers or [row.metrics]]
        print(f"{self._name} epoch {row.epoch}: {' '.join(scores)}  {row.seconds:.0f} s", flush=True)


def _file(folder: Path) -> Path:
    return folder / "model.frz"


def _measured(case: Case) -> Json:
    """Return the measurements of a case. Sizes and costs are those of the first seed."""
    runs = _runs(case, SEEDS[0])
    folder, *alone = runs
    joint, *_, largest = runs.values()
    model, samples = _decoded(joint, folder), joint.data(None).test
    example = joint.inputs(tuple(tensor[:1] for tensor in samples.tensors))
    scores = [_scores(case, seed) for seed in SEEDS]
    with frformat.open(_file(folder)) as file:
        ends = file.container.ends
    rows = []
    with torch.no_grad():
        for tier in each_tier(model):
            cost = costs(model, example)
            together, apart = ([each[tier] for each in side] for side in zip(*scores, strict=True))
            rows.append(
                {
                    "numbers": cost.numbers,
                    "accuracy": round(mean(together), 4),
                    "alone": round(mean(apart), 4),
                    "scores": together,
                    "alone_scores": apart,
                    "multiply_adds": cost.multiply_adds,
                    "weight_bytes": cost.weight_bytes,
                    "peak_bytes": cost.peak_bytes,
                    "alone_bytes": _file(alone[tier]).stat().st_size,
                    "end": ends[tier],
                }
            )
    size = _file(folder).stat().st_size
    return {
        "name": case.name,
        "data": case.data,
        "score": joint.metric,
        "tiers": rows,
        "file_bytes": size,
        "ratio": round(size / rows[-1]["alone_bytes"], 4),
        "switch_ms": round(_switch(model), 4),
        "step": round(_step(joint, largest), 2),
    }


@torch.no_grad()
def _scores(case: Case, seed: int) -> tuple[list[float], list[float]]:
    """Return the scores of the tiers and of the models trained alone, with weights decoded from the files."""
    (folder, joint), *alone = _runs(case, seed).items()
    model = _decoded(joint, folder)
    return [_score(joint, model) for _ in each_tier(model)], [
        _score(each, _decoded(each, path)) for path, each in alone
    ]


def _score(recipe: Recipe, model: nn.Module) -> float:
    return round(recipe.evaluate(model, recipe.data(None).test, ProcessGroup())[recipe.metric], 4)


def _decoded(recipe: Recipe, folder: Path) -> nn.Module:
    """Return the model of a run's file, with its tiers."""
    model = recipe.exported(Run(recipe, recipe.data(None), ProcessGroup()).model).eval()
    load_model(model, _file(folder))
    return model


def _switch(model: nn.Module) -> float:
    """Return the milliseconds to switch between two tiers: the median of many switches, for the slowest pair."""
    slowest = 0.0
    for first, second in permutations(range(len(tier_sizes(model))), 2):
        times = []
        for _ in range(SWITCHES):
            set_tier(model, first)
            start = time.perf_counter()
            set_tier(model, second)
            times.append(time.perf_counter() - start)
        slowest = max(slowest, median(times))
    return 1e3 * slowest


def _step(joint: Recipe, alone: Recipe) -> float:
    """Return the shortest time of a step with all tiers, relative to that of a step with only the largest tier."""
    runs = [Run(recipe, recipe.data(None), ProcessGroup()) for recipe in (joint, alone)]
    times: list[list[float]] = [[], []]
    for _ in range(STEPS):
        for run, found in zip(runs, times, strict=True):
            start = time.perf_counter()
            run.advance()
            found.append(time.perf_counter() - start)
    return min(times[0]) / min(times[1])


if __name__ == "__main__":
    main(sys.argv[1:])
