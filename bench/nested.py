"""Compare nested tiers with networks of the same widths that are trained alone.

    python -m bench.nested [WORD …]

This command trains the missing networks (only those whose name contains one of the words), on a GPU if there is one,
and writes ``bench/results/nested.json``. A network that is trained alone has the widths of a tier and the recipe of the
whole network. There are two comparisons: in one, each network is trained for as many epochs as nesting takes in all
(``alone``); in the other, these epochs are divided equally among the networks (``share``). The settings were tuned for
neither.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import mean
from typing import Any, Final

import torch
from torch import nn

from bench import DATA, ROOT
from bench.records import kept, recorded
from frformat.torch import nest
from frformat.torch.nesting import descendant, l1
from frformat.train import Data, Recipe, Settings
from frformat.train.export import evaluating
from frformat.train.group import joined
from frformat.train.nested import Nesting, train_nested
from frformat.train.recipes.lenet5 import LeNet5OnMnist
from frformat.train.recipes.resnet20 import ResNet20OnCifar10
from frformat.train.run import Run

BUILD: Final = ROOT / "build" / "nested"
RESULTS: Final = ROOT / "bench" / "results" / "nested.json"
SEEDS: Final = (0, 1, 2)
KINDS: Final = ("alone", "share")

Json = dict[str, Any]


def _reset(model: nn.Module) -> None:
    """Initialize all layers as PyTorch does."""
    modules: list[Any] = list(model.modules())
    for module in modules:
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def _reset_resnet20(model: nn.Module) -> None:
    """Initialize all layers as :class:`ResNet20` does."""
    _reset(model)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)


def _unchanged(model: nn.Module) -> None:
    """Skip training."""


def _no_score(model: nn.Module) -> float:
    """Give every size the same score, which meets the minimum."""
    return 0.0


@dataclass(frozen=True, eq=False)
class Case:
    """A network to measure.

    Attributes:
        recipe: the network, its data and its metric.
        settings: the training of the whole network.
        nesting: how the tiers are made.
        initialize: initializes a network that has the same layers.
    """

    recipe: type[Recipe]
    settings: Settings
    nesting: Nesting = field(default_factory=Nesting)
    initialize: Callable[[nn.Module], None] = _reset

    @functools.cached_property
    def data(self) -> Data:
        """The samples."""
        return self.recipe(self.settings).data(DATA)

    @property
    def epochs(self) -> int:
        """Number of epochs of the whole procedure: those of the whole network and of all stages."""
        return self.settings.epochs + 2 * len(self.nesting.shares) * self.nesting.epochs

    def names(self, kind: str, tier: int) -> list[str]:
        """Return the names of the networks that are trained separately with the widths of a tier, one per seed."""
        return [f"{self.recipe.name}-{kind}{tier}-{seed}" for seed in SEEDS]

    def nested(self, seed: int) -> Json:
        """Train nested tiers, and return the results of each on the test samples."""
        name = f"{self.recipe.name}-nested-{seed}"
        print(name, flush=True)
        recipe = self.recipe(replace(self.settings, seed=seed))
        with joined() as group:
            outcome = train_nested(recipe, BUILD / name, self.nesting, folder=DATA, group=group)
        tiers = [
            {
                "score": round(tier.metrics[recipe.metric], 4),
                "end": tier.nbytes,
                **{
                    key: value for key, value in asdict(tier.profile).items() if key not in ("tier", "score", "latency")
                },
            }
            for tier in outcome.tiers
        ]
        return {
            "epochs": self.settings.epochs + len(outcome.stages) * self.nesting.epochs,
            "dense": round(outcome.dense[recipe.metric], 4),
            "dense_bytes": outcome.dense_bytes,
            "tiers": tiers,
        }

    def alone(self, kind: str, tier: int, seed: int) -> Json:
        """Train a network with the widths of a tier."""
        print(self.names(kind, tier)[SEEDS.index(seed)], flush=True)
        whole = self.recipe(self.settings).model().eval()
        example = self.recipe(self.settings).inputs(tuple(tensor[:1] for tensor in self.data.train.tensors))
        nest(whole, example, _unchanged, _no_score, minimum=0.0, shares=self.nesting.shares, ranking=l1)
        made = descendant(whole, tier)

        class Narrow(self.recipe):  # type: ignore[name-defined,misc]
            """The same recipe for a narrower network."""

            def model(_) -> nn.Module:  # noqa: N805
                network = copy.deepcopy(made)
                self.initialize(network)
                return network

        epochs = self.epochs if kind == "alone" else round(self.epochs / (1 + len(self.nesting.shares)))
        settings = replace(self.settings, seed=seed, epochs=epochs, dense=True, distill=0.0, holdout=0.0)
        recipe: Recipe = Narrow(settings)
        with joined() as group:
            run = Run(recipe, self.data, group)
            while run.step < run.steps:
                run.advance()
            with evaluating(run.model):
                scores = recipe.evaluate(run.model, run.data.test, group)
        return {"epochs": settings.epochs, "score": round(scores[recipe.metric], 4)}


CASES: Final = (
    Case(
        LeNet5OnMnist,
        Settings(
            epochs=6,
            batch=512,
            lr=2e-3,
            plain_lr=4e-3,
            distill=0.5,
            temperature=1.0,
            precision="bf16",
            holdout=1 / 12,
        ),
        Nesting(epochs=2),
    ),
    Case(
        ResNet20OnCifar10,
        Settings(
            epochs=8,
            batch=512,
            lr=2e-3,
            plain_lr=8e-3,
            weight_decay=0.02,
            distill=0.5,
            precision="bf16",
            holdout=1 / 12,
        ),
        Nesting(epochs=2),
        _reset_resnet20,
    ),
)


def profiles() -> dict[str, Json]:
    """Return the tiers of each network trained with all seeds, in the form of :mod:`bench.joint`; scores are means."""
    found, made = recorded(RESULTS), {}
    for case in CASES:
        names = [f"{case.recipe.name}-nested-{seed}" for seed in SEEDS]
        if not all(name in found for name in names):
            continue
        rows = []
        for tier in range(len(case.nesting.shares) + 1):
            nested = [found[name]["tiers"][tier] for name in names]
            alone = [_mean(found, case.names(kind, tier)) for kind in KINDS]
            rows.append(
                {
                    "accuracy": mean(each["score"] for each in nested),
                    "alone": max((score for score in alone if score is not None), default=0.0),
                    "multiply_adds": nested[0]["multiply_adds"],
                    "weight_bytes": 4 * nested[0]["parameters"],
                    "peak_bytes": nested[0]["memory"],
                }
            )
        made[f"{case.recipe.name}, nested"] = {"name": case.recipe.name, "tiers": rows}
    return made


def _mean(found: dict[str, Json], names: Sequence[str]) -> float | None:
    """Return the mean score of networks; None unless all of their scores are recorded."""
    return mean(found[name]["score"] for name in names) if all(name in found for name in names) else None


def main(words: Sequence[str]) -> None:
    """Train the missing networks, write the results, and print them."""
    torch.set_num_threads(1)
    for case in CASES:
        for seed in SEEDS:
            for name, measure in _runs(case, seed).items():
                if any(word in name for word in words or [name]):
                    kept(RESULTS, name, measure)
    found = recorded(RESULTS)
    for case in CASES:
        nested = [found[name] for seed in SEEDS if (name := f"{case.recipe.name}-nested-{seed}") in found]
        for tier in range(len(case.nesting.shares) + 1 if nested else 0):
            rows = [each["tiers"][tier] for each in nested]
            words = [f"{case.recipe.name}, tier {tier}", f"{mean(row['multiply_adds'] for row in rows) / 1e6:.2f} M"]
            words.append(f"nested {mean(row['score'] for row in rows):.2%}")
            for kind in KINDS:
                score = _mean(found, case.names(kind, tier))
                words += [] if score is None else [f"{kind} {score:.2%}"]
            print(" | ".join(words))


def _runs(case: Case, seed: int) -> dict[str, Callable[[], Json]]:
    """Return all runs for a seed by name, in the order in which they take place."""
    runs: dict[str, Callable[[], Json]] = {
        f"{case.recipe.name}-nested-{seed}": functools.partial(case.nested, seed),
    }
    for kind in KINDS:
        for tier in range(len(case.nesting.shares) + 1):
            name = case.names(kind, tier)[SEEDS.index(seed)]
            runs[name] = functools.partial(case.alone, kind, tier, seed)
    return runs


if __name__ == "__main__":
    main(sys.argv[1:])
