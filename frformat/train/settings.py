"""What decides the outcome of a training run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

Schedule = Literal["start", "tail", "geometric", "guarded", "budget", "prune"]
Precision = Literal["f32", "bf16", "f16"]
OptimizerName = Literal["adamw", "eigen"]

SCHEDULES: Final = ("start", "tail", "geometric", "guarded", "budget", "prune")
PRECISIONS: Final = ("f32", "bf16", "f16")
OPTIMIZERS: Final = ("adamw", "eigen")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Two runs with equal settings, data, device and number of threads give equal weights, broken off or not.

    Attributes:
        epochs: how often the training set is gone through.
        batch: samples in a step, on all machines together.
        optimizer: ``adamw``, or ``eigen`` for :class:`frformat.torch.regularization.EigenAdam`: fewer epochs, not with
            coefficients that become fewer.
        lr: largest learning rate of coefficients. They are larger than weights, see
            :func:`frformat.torch.regularize`.
        plain_lr: … of parameters that are not regularized, and of all in a dense run.
        warmup: share of the run in which the learning rates rise from 0; they then fall to 0 as a cosine does.
        weight_decay: decoupled (AdamW).
        seed: of all randomness.
        keep: how many coefficients of each tensor, as for :func:`frformat.torch.regularize`.
        rules: … but for these; also views and what stays raw.
        schedule: how coefficients become fewer. ``start``: few from the first step. The others begin with all and end
            with what ``keep`` and ``rules`` say: ``tail`` by as many each epoch, ``geometric`` by the same share,
            ``guarded`` while the metric holds, ``budget`` with the same total, spent where it matters, ``prune`` with
            the largest of each tensor instead of the first ones; the others are zero.
        truncate_for: share of the run in which a schedule does its work (not ``start`` and ``guarded``).
        tolerance: by how much the metric may fall (only ``guarded``).
        holdout: share of the training samples, the last ones, that figures after each epoch are of instead of those of
            the test samples; ``guarded`` needs some, so that nothing is chosen by the test samples.
        format: number format to which coefficients are rounded while training, so that the file loses nothing.
        quantize_from: share of the run after which they are.
        average_from: share of the run after which weights are averaged over the steps, or None; the average counts.
        distill: share of the loss that compares with a teacher's outputs instead of the labels; needs a teacher. The
            largest tier is that of the smaller ones.
        temperature: by which teacher's and model's logits are divided for that.
        tiers: what smaller tiers keep of each tensor, ascending: an int is a number of coefficients, a float below 1 a
            share. All tiers are trained together and go into one file.
        dense: train the plain model, as a reference or a teacher.
        precision: of the forward pass, by autocast.
    """

    epochs: int
    batch: int
    lr: float
    optimizer: OptimizerName = "adamw"
    plain_lr: float = 1e-3
    warmup: float = 0.2
    weight_decay: float = 0.0
    seed: int = 0
    keep: int | float = 1.0
    rules: tuple[str, ...] = ()
    schedule: Schedule = "start"
    truncate_for: float = 0.5
    tolerance: float = 0.005
    holdout: float = 0.0
    format: str | None = None
    quantize_from: float = 0.5
    average_from: float | None = None
    distill: float = 0.0
    temperature: float = 4.0
    tiers: tuple[int | float, ...] = ()
    dense: bool = False
    precision: Precision = "f32"

    def __post_init__(self) -> None:
        _positive(self, "epochs", "batch", "lr", "plain_lr", "temperature")
        _shares(self, "warmup", "truncate_for", "quantize_from", "average_from", "distill", "holdout")
        _not_negative(self, "seed", "weight_decay", "tolerance")
        _one_of(self, "schedule", SCHEDULES)
        _one_of(self, "optimizer", OPTIMIZERS)
        _one_of(self, "precision", PRECISIONS)
        if self.optimizer == "eigen" and self.schedule != "start":
            raise ValueError(f"optimizer eigen cannot go on with fewer coefficients, as schedule {self.schedule} wants")
        if self.schedule == "prune":
            self._check_pruning()
        elif self.schedule != "start" and self.epochs < 2:
            raise ValueError(
                f"schedule {self.schedule} cuts after epochs, but not after the last: epochs must be 2 or more"
            )
        if self.schedule == "guarded" and not self.holdout:
            raise ValueError("schedule guarded needs a holdout, such as 0.1: samples by which it sees that all is well")
        if self.tiers and self.dense:
            raise ValueError("tiers are prefixes of coefficients, and a dense model has none")

    def _check_pruning(self) -> None:
        """See that nothing else wants what schedule prune takes away."""
        if self.average_from is not None and self.average_from < self.truncate_for:
            raise ValueError(
                f"average_from={self.average_from}: an average over steps before truncate_for={self.truncate_for} of "
                "the run has what schedule prune takes away"
            )
        if self.tiers:
            raise ValueError("schedule prune picks coefficients from everywhere, but tiers are prefixes of them")

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Return where settings that were stored by :meth:`as_dict` differ from these, in words."""
        own = self.as_dict()
        names = [field.name for field in fields(self)]
        return [f"{name} was {other.get(name)!r}, not {own[name]!r}" for name in names if other.get(name) != own[name]]


def _positive(settings: Settings, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name}={getattr(settings, name)}: must be more than 0")


def _not_negative(settings: Settings, *names: str) -> None:
    for name in names:
        if getattr(settings, name) < 0:
            raise ValueError(f"{name}={getattr(settings, name)}: must not be negative")


def _one_of(settings: Settings, name: str, known: Sequence[str]) -> None:
    if getattr(settings, name) not in known:
        raise ValueError(f"{name} {getattr(settings, name)!r}: there are {', '.join(known)}")


def _shares(settings: Settings, *names: str) -> None:
    for name in names:
        share = getattr(settings, name)
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{name}={share}: must be a share, from 0 to 1")
