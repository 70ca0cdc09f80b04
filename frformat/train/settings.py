"""The settings that determine the outcome of a training run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

Schedule = Literal["start", "tail", "geometric", "guarded", "budget", "prune"]
Precision = Literal["f32", "bf16", "f16"]
OptimizerName = Literal["adamw", "sgd", "eigen"]

SCHEDULES: Final = ("start", "tail", "geometric", "guarded", "budget", "prune")
PRECISIONS: Final = ("f32", "bf16", "f16")
OPTIMIZERS: Final = ("adamw", "sgd", "eigen")

SEEDS: Final = 1 << 63
"""Number of seeds that PyTorch accepts."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a run.

    On one thread of the same CPU, runs with the same settings and data produce equal weights, even if interrupted.

    Attributes:
        epochs: number of passes over the training set.
        batch: number of samples per step, in all processes together.
        optimizer: ``adamw``; ``sgd``, with Nesterov momentum of 0.9, which is often better for fine-tuning a dense or
            decomposed network; or ``eigen`` for :class:`frformat.torch.regularization.EigenAdam`, which needs fewer
            epochs than ``adamw`` but does not support a decreasing number of coefficients.
        lr: largest learning rate of coefficients, which need larger ones than weights; see
            :func:`frformat.torch.regularize`.
        plain_lr: largest learning rate of parameters that are neither regularized nor quantized, so of all parameters
            in a dense run.
        warmup: share of the run in which the learning rates rise from 0; they then fall to 0 along a cosine.
        weight_decay: decoupled from the gradient, except with ``sgd``.
        seed: seed of all random numbers.
        keep: number of coefficients per tensor; see :func:`frformat.torch.regularize`.
        rules: exceptions to ``keep``, views, and tensors that stay raw, by name.
        schedule: how the number of coefficients decreases. ``start`` uses the final number from the first step. The
            others begin with all coefficients and end with the numbers in ``keep`` and ``rules``: ``tail`` drops the
            same number each epoch, ``geometric`` drops the same share, and ``guarded`` drops some as long as the metric
            stays within ``tolerance``; ``budget`` distributes the same total over the tensors in which coefficients
            matter most, and ``prune`` keeps the largest coefficients of each tensor instead of the first ones and
            sets the others to zero.
        truncate_for: share of the run during which a schedule is active (not for ``start`` and ``guarded``).
        tolerance: by how much the metric may deteriorate (only for ``guarded``).
        holdout: share of the training samples, from all over the set, to use as a validation set: metrics after each
            epoch are computed on it instead of the test samples. ``guarded`` needs one, so that no choice depends on
            test samples.
        format: number format to which coefficients are rounded during training, so that storing them loses nothing.
        quantize_from: share of the run after which coefficients are rounded. With ``quantized``, rounding becomes
            harder from the first step until then; see :func:`frformat.torch.set_softness`.
        average_from: share of the run after which weights are averaged over the steps, or None. The average is the
            result.
        distill: share of the loss that compares outputs with a teacher's, not with the labels. With tiers, the
            largest one teaches the smaller ones; otherwise, a teacher is needed.
        temperature: the divisor of the teacher's and the model's logits for that comparison.
        tiers: how much of each tensor the smaller tiers keep, in ascending order: numbers of coefficients (int) or
            shares below 1 (float). All tiers are trained together and stored in one file.
        size: the size of the file in bytes, or None. If given, ``keep`` and ``rules`` determine only how the initial
            coefficients are distributed. A rate term in the loss decides which ones are kept, and learns their
            quantization steps, which replace ``format``; see :class:`frformat.torch.regularization.RateTerm`. With
            ``quantized``, there is no rate term.
        dense: train the plain model, as a reference or a teacher.
        quantized: start from a compressed file, and train its weights as it stores them: with its bases, steps and
            zeros; see :func:`frformat.torch.load_quantized`. The learning rates are ``quantized_lr`` and ``plain_lr``;
            ``lr``, ``keep``, ``rules``, ``schedule`` and ``format`` have no effect. The result is no larger than
            ``size`` or, if that is None, than the compressed file. Weights that take more than ``size`` are compressed
            first.
        quantized_lr: largest learning rate of quantized matrices and kernels, in quantization steps.
        precision: precision of the forward pass, through autocast.
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
    size: int | None = None
    dense: bool = False
    quantized: bool = False
    quantized_lr: float = 0.01
    precision: Precision = "f32"

    def __post_init__(self) -> None:
        _positive(self, "epochs", "batch", "lr", "plain_lr", "quantized_lr", "temperature")
        _shares(self, "warmup", "truncate_for", "quantize_from", "average_from", "distill", "holdout")
        _not_negative(self, "seed", "weight_decay", "tolerance")
        if self.seed >= SEEDS:
            raise ValueError(f"seed={self.seed}: must be less than {SEEDS}")
        _one_of(self, "schedule", SCHEDULES)
        _one_of(self, "optimizer", OPTIMIZERS)
        _one_of(self, "precision", PRECISIONS)
        if not self.quantized:
            self._check_schedule()
        if self.size is not None:
            self._check_size(self.size)
        if self.tiers and self.dense:
            raise ValueError("tiers are prefixes of coefficients, but a dense model has none")
        if self.quantized and (self.tiers or self.dense):
            raise ValueError(f"quantized and {'tiers' if self.tiers else 'dense'} are mutually exclusive")

    def _check_schedule(self) -> None:
        """Check that no other setting conflicts with the schedule."""
        if self.optimizer == "eigen" and self.schedule != "start":
            raise ValueError(
                f"optimizer eigen does not support a decreasing number of coefficients, as in schedule {self.schedule}"
            )
        if self.schedule == "prune":
            self._check_pruning()
        elif self.schedule != "start" and self.epochs < 2:
            raise ValueError(f"schedule {self.schedule} truncates between epochs: epochs must be 2 or more")
        if self.schedule == "guarded" and not self.holdout:
            raise ValueError("schedule guarded needs a validation set: set holdout, for example to 0.1")

    def _check_size(self, size: int) -> None:
        """Check that no other setting conflicts with a size."""
        if size < 1:
            raise ValueError(f"size={size}: must be at least 1 byte")
        if self.schedule != "start" and not self.quantized:
            raise ValueError(f"size replaces schedule {self.schedule}: both determine the number of coefficients")
        if self.tiers or self.dense:
            other = "tiers" if self.tiers else "dense"
            raise ValueError(f"size and {other} are mutually exclusive: a size applies to a single regularized model")

    def _check_pruning(self) -> None:
        """Check that no other setting conflicts with the schedule ``prune``."""
        if self.average_from is not None and self.average_from < self.truncate_for:
            raise ValueError(
                f"average_from={self.average_from}: an average over steps before truncate_for={self.truncate_for} of "
                "the run contains coefficients that schedule prune removes"
            )
        if self.tiers:
            raise ValueError("schedule prune keeps coefficients at any position, but tiers are prefixes")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Describe how settings stored by :meth:`as_dict` differ from these."""
        own = self.as_dict()
        names = [field.name for field in fields(self)]
        return [f"{name} was {other.get(name)!r}, not {own[name]!r}" for name in names if other.get(name) != own[name]]


def _positive(settings: Settings, *names: str) -> None:
    for name in names:
        if not 0 < getattr(settings, name) < math.inf:
            raise ValueError(f"{name}={getattr(settings, name)}: must be more than 0, and finite")


def _not_negative(settings: Settings, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(settings, name) < math.inf:
            raise ValueError(f"{name}={getattr(settings, name)}: must be finite, and not negative")


def _one_of(settings: Settings, name: str, known: Sequence[str]) -> None:
    if getattr(settings, name) not in known:
        raise ValueError(f"{name}={getattr(settings, name)!r}: must be one of {', '.join(known)}")


def _shares(settings: Settings, *names: str) -> None:
    for name in names:
        share = getattr(settings, name)
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{name}={share}: must be a share, from 0 to 1")
