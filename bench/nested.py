"""Compare nested tiers (NestDNN) with networks of the same sizes that are trained alone.

    python -m bench nested

The network is LeNet-5, the data are the first 4,000 training images of MNIST; the last tenth of them is the validation
set. A network that is trained alone takes as many epochs as everything that its tier results from: the training of the
whole network, pruning, and growing up to that tier. Scores are the accuracies on all 10,000 test images, on which no
choice depends. ``bench/results/nested.json`` keeps the results by seed; remove a seed to measure it again. Like
``joint.json``, it has the means in ``models``, for :mod:`bench.scheduling`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import torch
from torch import nn
from torch.utils.data import TensorDataset

from bench import DATA, ROOT, Missing, Row
from frformat.format.atomic import replacing
from frformat.torch import save_model
from frformat.torch.nesting import FilterGroup, Member, descendant, make_nested
from frformat.train import Data, Settings, Workers
from frformat.train.export import evaluating
from frformat.train.nested import Nesting, train_nested
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.run import Run

RESULTS: Final = ROOT / "bench" / "results" / "nested.json"
BUILD: Final = ROOT / "build" / "nested"
SEEDS: Final = (0, 1, 2)
SAMPLES: Final = 4_000

SETTINGS: Final = Settings(
    epochs=4,
    batch=128,
    lr=2e-3,
    plain_lr=2e-3,
    distill=0.5,
    temperature=2.0,
    holdout=0.1,
    precision="bf16",
)
NESTING: Final = Nesting(minimum=0.9, epochs=2)

GROUPS: Final = {
    "conv1": FilterGroup("conv1", 20, (Member("conv1.weight", 0), Member("conv1.bias", 0), Member("conv2.weight", 1))),
    "conv2": FilterGroup(
        "conv2", 50, (Member("conv2.weight", 0), Member("conv2.bias", 0), Member("fc1.weight", 1, 16))
    ),
    "fc1": FilterGroup("fc1", 500, (Member("fc1.weight", 0), Member("fc1.bias", 0), Member("fc2.weight", 1))),
}

Json = dict[str, Any]


class FewDigits(LeNet5OnMnist):
    """LeNet-5, possibly with fewer filters, on the first images.

    Attributes:
        widths: number of filters by layer; None means all.
    """

    widths: Mapping[str, int] | None = None

    def data(self, folder: Any) -> Data:
        data = super().data(folder)
        return Data(TensorDataset(*(tensor[:SAMPLES] for tensor in data.train.tensors)), data.test)

    def model(self) -> nn.Module:
        whole = super().model()
        if self.widths is None or all(self.widths[name] == group.count for name, group in GROUPS.items()):
            return whole
        narrow = descendant(make_nested(whole, GROUPS, [self.widths]), 0)
        for layer in narrow.children():
            layer.reset_parameters()  # type: ignore[operator]
        return narrow


def run() -> list[Row]:
    """Measure the seeds that are missing, and report the means."""
    if not (DATA / "mnist").exists():
        raise Missing(f"{DATA / 'mnist'} does not exist: set FRFORMAT_DATA to a folder that contains it")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seeds = json.loads(RESULTS.read_text())["seeds"] if RESULTS.exists() else {}
        for seed in SEEDS:
            if str(seed) not in seeds:
                seeds[str(seed)] = _measured(seed)
                _write(seeds)
    finally:
        torch.set_num_threads(threads)
    return _rows(seeds)


def _measured(seed: int) -> Json:
    """Train the tiers and the networks alone."""
    settings = replace(SETTINGS, seed=seed)
    recipe = FewDigits(settings)
    folder = BUILD / str(seed)
    outcome = train_nested(
        recipe, folder, NESTING, folder=DATA, resume=True, listener=lambda stage: print(stage, flush=True)
    )
    pruning = sum(stage.kind == "prune" for stage in outcome.stages) * NESTING.epochs
    tiers = []
    for tier, found in enumerate(outcome.tiers):
        epochs = settings.epochs + pruning + tier * NESTING.epochs
        alone = FewDigits(replace(settings, epochs=epochs, distill=0.0, dense=True))
        alone.widths = found.widths
        score, size = _trained_alone(alone, folder / f"alone{tier}.frz")
        print(f"seed {seed}, tier {tier}: {found.figures['accuracy']:.4f} nested, {score:.4f} alone", flush=True)
        tiers.append(
            {
                "widths": found.widths,
                "epochs": epochs,
                "accuracy": round(found.figures["accuracy"], 4),
                "alone": round(score, 4),
                "alone_bytes": size,
                "end": found.nbytes,
                "profile": asdict(found.profile),
            }
        )
    return {"dense": round(outcome.dense["accuracy"], 4), "tiers": tiers, "stages": [asdict(s) for s in outcome.stages]}


def _trained_alone(recipe: FewDigits, path: Path) -> tuple[float, int]:
    """Return the accuracy of a network that is trained alone, and the size of its file."""
    data = recipe.data(DATA)
    run = Run(recipe, data, Workers())
    while run.step < run.steps:
        run.advance()
    save_model(run.model, path)
    with evaluating(run.model):
        return recipe.evaluate(run.model, data.test, Workers())["accuracy"], path.stat().st_size


def _write(seeds: Mapping[str, Json]) -> None:
    contents = {"command": "python -m bench nested", "seeds": seeds, "models": [_model(seeds)]}
    RESULTS.parent.mkdir(exist_ok=True)
    with replacing(RESULTS) as file:
        file.write(json.dumps(contents, indent=1, ensure_ascii=False).encode() + b"\n")


def _model(seeds: Mapping[str, Json]) -> Json:
    """Return the means over the seeds, in the form of ``joint.json``; costs are those of the first seed."""
    runs = [copy.deepcopy(run["tiers"]) for run in seeds.values()]
    count = min(map(len, runs))
    tiers = []
    for number in range(count):
        rows = [run[number - count] for run in runs]  # counted from the largest, in case a seed has fewer
        first = rows[0]["profile"]
        tiers.append(
            {
                "accuracy": round(mean(row["accuracy"] for row in rows), 4),
                "alone": round(mean(row["alone"] for row in rows), 4),
                "numbers": first["parameters"],
                "multiply_adds": first["multiply_adds"],
                "weight_bytes": 4 * first["parameters"],
                "peak_bytes": first["memory"],
                "latency": first["latency"],
            }
        )
    return {"name": "LeNet-5, nested filters", "data": "MNIST, all 10,000 test images", "tiers": tiers}


def _rows(seeds: Mapping[str, Json]) -> list[Row]:
    rows = []
    model = _model(seeds)
    for number, tier in enumerate(model["tiers"]):
        gain = 100 * (tier["accuracy"] - tier["alone"])
        figure = f"{100 * tier['accuracy']:.2f} % / {100 * tier['alone']:.2f} %"
        what = f"LeNet-5, tier {number} ({tier['numbers']:,} parameters): nested / alone, {len(seeds)} seeds"
        rows.append(Row(what, figure, "≥", gain >= 0))
    first, last = model["tiers"][0], model["tiers"][-1]
    ratio = last["multiply_adds"] / first["multiply_adds"]
    rows.append(Row("LeNet-5: multiply-adds, widest / narrowest", f"{ratio:.1f} ×", "≥ 4 ×", ratio >= 4))
    size = max(run["tiers"][-1]["end"] / run["tiers"][-1]["alone_bytes"] for run in seeds.values())
    rows.append(Row("LeNet-5: file / file of the largest alone", f"{size:.3f} ×", "≤ 1.05 ×", size <= 1.05))
    return rows
