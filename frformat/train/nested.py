"""Train a network with nested tiers: the offline stage of NestDNN, from data to a file."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from torch import nn

import frformat
from frformat.torch import each_tier, load_nested, nest, save_model
from frformat.torch.nesting import Profile, Ranking, Stage, at_random, l1, profile, triplet_response, triplets, widths
from frformat.torch.nesting.offline import add_tiers, check_shares
from frformat.torch.nesting.profile import profile_metadata
from frformat.train import setup
from frformat.train.export import evaluating
from frformat.train.folder import occupied
from frformat.train.group import ProcessGroup
from frformat.train.loop import MODEL, Callback, train
from frformat.train.recipe import Data, Recipe, StrPath, batches, metrics, model_inputs, returned
from frformat.train.rehearsal import temporary
from frformat.train.run import Run
from frformat.train.settings import Settings

DENSE: Final = "dense"
"""Folder of the run that trains the whole network before it is pruned. This network is the teacher of the tiers."""

RANKINGS: Final = ("trr", "l1", "random")
TRIPLETS: Final = 2000
"""Number of triplets of training samples for the ranking ``trr``."""

STAGE_SEEDS: Final = 1_000_003
"""Difference between the random seeds of consecutive stages."""


@dataclass(frozen=True, kw_only=True)
class Nesting:
    """Options for making the tiers; see :func:`frformat.torch.nest`.

    Attributes:
        minimum: the metric that the smallest tier must reach on the validation samples; None accepts any.
        shares: the shares of filters that the smaller tiers keep.
        epochs: epochs of each stage after the training of the whole network.
        ranking: ``trr``, ``l1`` or ``random``.
    """

    minimum: float | None = None
    shares: tuple[float, ...] = (0.2, 0.36, 0.6)
    epochs: int = 1
    ranking: Literal["trr", "l1", "random"] = "trr"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs={self.epochs} of a stage: must be 1 or more")
        if self.ranking not in RANKINGS:
            raise ValueError(f"ranking={self.ranking!r}: must be one of {', '.join(RANKINGS)}")
        if self.minimum is not None and not math.isfinite(self.minimum):
            raise ValueError(f"minimum={self.minimum}: must be finite")
        check_shares(self.shares)


@dataclass(frozen=True)
class NestedTier:
    """One tier of the file.

    Attributes:
        metrics: metrics on the test samples, computed with weights decoded from the file.
        widths: number of filters of each layer that grows.
        nbytes: size of the file up to the tier's end.
        profile: its cost, and its metric on the validation samples.
    """

    metrics: dict[str, float]
    widths: dict[str, int]
    nbytes: int
    profile: Profile


@dataclass(frozen=True)
class NestedOutcome:
    """The outcome of a run.

    Attributes:
        path: the file.
        dense: metrics of the whole network before pruning, on the test samples.
        dense_bytes: size of the file of that network.
        stages: all stages in their order.
        tiers: all tiers, smallest first.
    """

    path: str
    dense: dict[str, float]
    dense_bytes: int
    stages: tuple[Stage, ...]
    tiers: tuple[NestedTier, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return asdict(self)


def train_nested(
    recipe: Recipe,
    output: StrPath,
    nesting: Nesting,
    *,
    folder: StrPath | None = None,
    group: ProcessGroup | None = None,
    resume: bool = False,
    callback: Callback | None = None,
    listener: Callable[[Stage], None] | None = None,
) -> NestedOutcome:
    """Train the whole network, nest smaller tiers in it, and write ``model.frz``.

    The seed (the smallest tier) is chosen by the metric on validation samples, which are split off the training
    samples (setting ``holdout``). If ``distill`` is set, the whole network is the teacher of all tiers. Before anything
    is trained, untrained tiers are made, ranked, written and read, so that unusable networks are refused at once.

    Args:
        recipe: what to train, and the settings; those of regularization are not used.
        output: the folder for all files of the run.
        nesting: how the tiers are made.
        folder: the folder of data sets; see :mod:`frformat.train.data`.
        group: the process group, which must consist of this process alone.
        resume: continue an interrupted training of the whole network. The stages after it always start over.
        callback: callback for the training of the whole network.
        listener: called after each stage.

    Raises:
        SeedError: no smaller tier reaches the minimum.
        ModuleNotFoundError: torch-pruning, which finds the filters, is not installed.
        MissingDataError, DataError, CheckpointError, ValueError, EncodeError, OSError: see
            :func:`frformat.train.train`; the network also has to have filters that can be removed.
    """
    place, group = Path(output), group or ProcessGroup()
    if group.size > 1:
        raise ValueError("nested tiers are trained by one process: do not use torchrun")
    if not recipe.settings.holdout:
        raise ValueError("the seed is chosen on a validation set: set holdout, for example to 0.1")
    plain = _with(
        recipe, dense=True, tiers=(), distill=0.0, schedule="start", optimizer="adamw", average_from=None, size=None
    )
    with occupied(place, MODEL):
        stages = _Stages(recipe, plain, nesting, group, folder)
        stages.rehearse(place)
        dense = train(plain, place / DENSE, folder=folder, group=group, resume=resume, callback=callback)
        stages.start(place / DENSE / MODEL)
        tell = listener or (lambda stage: None)
        found: list[Stage] = []

        def report(stage: Stage) -> None:
            signed = replace(stage, score=stages.sign * stage.score)
            found.append(signed)
            tell(signed)

        nest(
            stages.model,
            stages.example,
            stages.fit,
            stages.score,
            minimum=-math.inf if nesting.minimum is None else stages.sign * nesting.minimum,
            shares=nesting.shares,
            ranking=stages.ranking(),
            listener=report,
        )
        path = place / MODEL
        return NestedOutcome(str(path), dense.metrics, dense.nbytes, tuple(found), stages.write(path))


class _Stages:
    """The state that all stages share.

    Attributes:
        model: the network, once :meth:`start` has been called.
        example: an input.
        sign: 1 if higher metrics are better, otherwise −1.
    """

    model: nn.Module

    def __init__(
        self, recipe: Recipe, plain: Recipe, nesting: Nesting, group: ProcessGroup, folder: StrPath | None
    ) -> None:
        self._recipe, self._plain, self._nesting, self._group = recipe, plain, nesting, group
        self._data = returned(plain, "data()", plain.data(folder), Data)
        self._split = self._data.with_validation(plain.settings.holdout)
        self.example = model_inputs(plain, next(batches(self._split.test, 1, group)))
        self.sign = 1 if plain.maximize else -1
        self._stage = 0

    def rehearse(self, place: Path) -> None:
        """Make untrained tiers, and rank, write and read them.

        Raises:
            ValueError: the network cannot have such tiers, or the samples cannot be used for the ranking.
            EncodeError, OSError: the tiers cannot be written.
        """
        model = setup.plain_model(self._plain).to(self._group.device)
        if self._plain.exported(model) is not model:
            raise ValueError(f"recipe {self._plain.name} exports only a part of its model, which cannot be nested")
        groups, _ = add_tiers(model, self.example, self._nesting.shares)
        self.ranking()(model, groups)
        with temporary(place) as folder:
            path = folder / MODEL
            save_model(model, path)
            load_nested(self._plain.model(), path)

    def start(self, path: Path) -> None:
        """Begin with the whole network in a file, which is also the teacher."""
        self.model = setup.plain_model(self._plain, path).to(self._group.device)
        self._teacher = copy.deepcopy(self.model).eval().requires_grad_(False)

    def fit(self, model: nn.Module) -> None:
        """Train a model at its current tier."""
        self._stage += 1
        settings = self._plain.settings
        recipe = _with(
            self._plain,
            epochs=self._nesting.epochs,
            distill=self._recipe.settings.distill,
            seed=settings.seed + self._stage * STAGE_SEEDS,
        )
        recipe.teacher = self._teacher if recipe.settings.distill else None
        run = Run(recipe, self._data, self._group, model=model)
        while run.step < run.steps:
            run.advance()
        run.check_finite()

    def score(self, model: nn.Module) -> float:
        """Return the metric on the validation samples; higher is better."""
        with evaluating(model):
            found = metrics(self._plain, model, self._split.evaluated, self._group)
        return self.sign * found[self._plain.metric]

    def ranking(self) -> Ranking:
        """Return the ranking that the user has chosen."""
        seed = self._plain.settings.seed
        if self._nesting.ranking != "trr":
            return l1 if self._nesting.ranking == "l1" else at_random(seed)
        samples = self._split.train.tensors
        if len(samples) < 2 or samples[1].dim() != 1:
            raise ValueError("ranking trr needs a class for each sample; use l1")
        drawn = triplets(samples[1], TRIPLETS, seed)
        inputs = [self._plain.inputs(tuple(tensor[chosen] for tensor in samples)) for chosen in drawn]
        anchors, positives, negatives = (each.to(self._group.device) for each in inputs)
        return triplet_response(anchors, positives, negatives)

    def write(self, path: Path) -> tuple[NestedTier, ...]:
        """Write the file, and evaluate what it contains."""
        profiles = [
            replace(each, score=self.sign * each.score) for each in profile(self.model, self.example, self.score)
        ]
        save_model(self.model, path, metadata=profile_metadata(profiles, self._plain.metric))
        decoded = load_nested(self._plain.model(), path).to(self._group.device)
        with frformat.open(path) as file:
            ends = file.container.ends
        tiers, filters = [], widths(decoded)
        with evaluating(decoded):
            for tier in each_tier(decoded):
                scores = metrics(self._plain, decoded, self._data.test, self._group)
                tiers.append(NestedTier(scores, filters[tier], ends[tier], profiles[tier]))
        return tuple(tiers)


def _with(recipe: Recipe, **changes: Any) -> Recipe:
    settings: Settings = replace(recipe.settings, **changes)
    return type(recipe)(settings)
