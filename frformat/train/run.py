"""A training run: everything that changes from step to step, and the step itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import TensorDataset

import frformat.torch.regularization as fr
from frformat.errors import EncodeError
from frformat.torch import set_softness, tier_count
from frformat.torch.live_norm import live_norms
from frformat.torch.quantized import nonzeros, quantized_tensors, stepped
from frformat.train import setup
from frformat.train.budget import Budget
from frformat.train.draws import Draws, order
from frformat.train.group import ProcessGroup
from frformat.train.recipe import Batch, Data, Loss, Recipe, StrPath, returned
from frformat.train.settings import Settings
from frformat.train.tiers import lessons, tiers_of_step
from frformat.wording import count

SPARING = 150
"""Steps between updates of the optimizer's axes in runs for a file size, which train several times as many coefficients
as they keep."""

AUTOCAST = {"bf16": torch.bfloat16, "f16": torch.float16}

MOMENTUM = 0.9
"""Momentum of ``sgd``."""


class Run:
    """A model in training; :meth:`state_dict` returns its complete state.

    Attributes:
        recipe: what is trained, and its settings.
        data: the samples; training samples are on the device.
        group: this process in the process group.
        model: the model.
        step: number of steps taken.
        epoch_steps: steps per epoch. Samples that do not fill a batch are left out; they differ from epoch to epoch.
        losses: sums of this process's losses since the epoch began, float64 scalars, by part of the model.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Data,
        group: ProcessGroup,
        weights: StrPath | None = None,
        model: nn.Module | None = None,
    ) -> None:
        """Initialize the run.

        Args:
            recipe: what to train.
            data: its samples.
            group: the process group.
            weights: an ``.frz`` file with initial weights; required if the settings say ``quantized``.
            model: a model to train further, only at its current tier; None creates a new one.

        Raises:
            ValueError: the settings cannot be satisfied.
        """
        settings = recipe.settings
        data = data.with_validation(settings.holdout)
        samples = data.samples
        if settings.batch > samples or settings.batch % group.size:
            raise ValueError(
                f"batch={settings.batch}: there are {count(samples, 'sample')}, "
                f"and {count(group.size, 'process', 'processes')} to divide a batch among"
            )
        if len(data.test) < group.size:
            raise ValueError(f"{count(len(data.test), 'test sample')}: each process needs at least one")
        self.recipe, self.group = recipe, group
        self.data = replace(data, train=TensorDataset(*(t.to(group.device) for t in data.train.tensors)))
        further = model is not None
        model = setup.plain_model(recipe, None if settings.quantized else weights) if model is None else model
        self._budget = Budget(recipe, model, data, weights) if settings.quantized else None
        plain = settings.dense or settings.quantized
        goals = {} if plain else setup.regularized(recipe, model, data, weights is not None)
        self.model = model.to(group.device)
        self.step, self.epoch_steps = 0, samples // settings.batch
        part = recipe.exported(self.model)
        rated = settings.size if not settings.quantized else None
        self._rate = None if rated is None else fr.RateTerm(part, rated, steps=self.steps)
        losses = _losses(recipe, self.model)
        self.losses = self._no_losses(losses)
        self._optimizers = {part: _optimizer(self.model, part, settings) for part in losses}
        self._regularized = next((name for name in losses if _has_spectra(self.model.get_submodule(name))), None)
        self._tiers = 1 if further else tier_count(recipe.exported(self.model))
        optimizer = self._optimizers[next(iter(losses))]
        self._schedule = setup.schedule(recipe, self.model, optimizer, goals, self.steps)
        self._formats = {} if self._rate else _formats(part, settings)
        self._rounding = False
        self._scaler = torch.amp.GradScaler(group.device.type, enabled=settings.precision == "f16")
        self._average: AveragedModel | None = None
        self._order = order(settings.seed, 0, samples)
        self._wrap()

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return self.epoch_steps * self.recipe.settings.epochs

    @property
    def result(self) -> nn.Module:
        """The model to evaluate and to export: the average, once it exists."""
        return self.model if self._average is None else self._average.module

    @property
    def numbers(self) -> int:
        """Number of parameters of the exported model: nonzero coefficients, and parameters that are not regularized."""
        part = self.recipe.exported(self.model)
        tensors = fr.spectral_tensors(part).values()
        zeros = sum(tensor.kept - tensor.numbers for tensor in tensors)
        quantized = quantized_tensors(part)
        zeros += sum(quantized[name].original.numel() - count for name, count in nonzeros(part).items())
        aids = sum(tensor.spectral.level is not None for tensor in tensors)
        aids += sum(live.level.numel() for _, live in live_norms(part).values())
        return sum(parameter.numel() for parameter in part.parameters()) - zeros - aids

    @property
    def kept(self) -> dict[str, int]:
        """Number of nonzero coefficients of each regularized or quantized tensor, by its name in the exported model."""
        part = self.recipe.exported(self.model)
        return {name: tensor.numbers for name, tensor in fr.spectral_tensors(part).items()} | nonzeros(part)

    @property
    def nbytes(self) -> int | None:
        """Size of the model's file when it was last encoded; None if the run has no budget."""
        limit = self._rate or self._budget
        return None if limit is None else limit.nbytes

    def advance(self) -> None:
        """Take a step."""
        settings = self.recipe.settings
        epoch, index = divmod(self.step, self.epoch_steps)
        if index == 0:
            self._order = order(settings.seed, epoch, self.data.samples)
            self.losses = self._no_losses(self.losses)
        self._enter(self.step / self.steps)
        chosen = self.group.share(self._order[index * settings.batch : (index + 1) * settings.batch])
        draws = Draws(settings.seed, self.step, settings.batch, self.group, self.step / self.steps)
        tiers = tiers_of_step(self._tiers, draws)
        chosen = chosen % len(self.data.train)
        samples = tuple(tensor[chosen.to(tensor.device)] for tensor in self.data.train.tensors)
        batch = returned(self.recipe, "prepare()", self.recipe.prepare(samples, draws), tuple)
        self.model.train()
        for part, optimizer in self._optimizers.items():
            self.losses[part] += self._descend(part, optimizer, batch, draws, tiers)
        self._scaler.update()
        self.step += 1
        self._agree()
        if isinstance(self._schedule, fr.SpectralPruning) and self.step % setup.pruning_period(self.steps) == 0:
            self._become_shorter(self._schedule.step())
        if self._average is not None:
            self._average.update_parameters(self.model)
        if self._rate is not None:
            self._rate.step()
            if self.step == self.steps:
                self.group.agree(self.result.parameters())
                self._rate.finish(self.recipe.exported(self.result))
        if self._budget is not None and self._fits_now():
            self.check_finite()
            self._budget.fit(self.recipe.exported(self.model))
            if self.step == self.steps and self._average is not None:
                self._budget.fit(self.recipe.exported(self.result))

    def truncate(self, metric: float) -> None:
        """Step the schedule at the end of an epoch, given the metric of that epoch."""
        schedule = self._schedule
        if schedule is None or isinstance(schedule, fr.SpectralPruning):
            return
        changed = schedule.step(metric) if isinstance(schedule, fr.GuardedTruncation) else schedule.step()  # type: ignore[attr-defined]
        self._become_shorter(changed)

    def check_finite(self) -> None:
        """Check that training has not diverged.

        Raises:
            EncodeError: a trained parameter is infinite or NaN, or any other tensor of the model contains NaN.
        """
        for name, tensor in (*self.model.named_parameters(), *self.model.named_buffers()):
            bad = tensor.isfinite().logical_not() if tensor.requires_grad else tensor.isnan()
            if bad.any():
                plain = name.replace("parametrizations.", "").removesuffix(".original")
                raise EncodeError(
                    f"training diverged: after step {self.step:,}, tensor {plain!r} contains infinite or NaN values; "
                    "lower the learning rate or raise the precision"
                )

    def state_dict(self) -> dict[str, Any]:
        """Return the complete state, as tensors and plain numbers."""
        return {
            "step": self.step,
            "losses": self.losses,
            "model": self.model.state_dict(),
            "optimizers": {part: optimizer.state_dict() for part, optimizer in self._optimizers.items()},
            "schedule": None if self._schedule is None else self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "rate": None if self._rate is None else self._rate.state_dict(),
            "nbytes": self.nbytes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of a run with the same settings."""
        self.step = state["step"]
        self.losses = {part: loss.to(self.group.device) for part, loss in state["losses"].items()}
        self.model.load_state_dict(state["model"])
        for part, optimizer in self._optimizers.items():
            optimizer.load_state_dict(state["optimizers"][part])
        if self._schedule is not None:
            self._schedule.load_state_dict(state["schedule"])
        if self._rate is not None:
            self._rate.load_state_dict(state["rate"])
        if self._budget is not None:
            self._budget.nbytes = state["nbytes"]
        self._scaler.load_state_dict(state["scaler"])
        if state["average"] is not None:
            self._average = AveragedModel(self.model)
            self._average.load_state_dict(state["average"])
        epoch = self.step // self.epoch_steps
        self._order = order(self.recipe.settings.seed, epoch, self.data.samples)
        self._wrap()
        self._enter(max(0, self.step - 1) / self.steps)  # restores what the last step had set

    def _agree(self) -> None:
        """Make this process's model that of all processes where they may differ.

        Each process has its own running statistics until the next step. They count when the model is evaluated, and
        when it is encoded to adjust the rate term or to meet the budget. Parameters only differ if processors compute
        differently; a truncation must not.
        """
        if self.step % self.epoch_steps == 0:
            self.group.agree(self.model.parameters())
        if self.step % self.epoch_steps == 0 or self._rate is not None or self._fits_now():
            self.group.agree(self.model.buffers())

    def _fits_now(self) -> bool:
        """Whether the model must meet the budget after this step."""
        period = setup.pruning_period(self.steps)
        return self._budget is not None and (self.step % period == 0 or self.step % self.epoch_steps == 0)

    def _become_shorter(self, changed: bool) -> None:
        """Adapt to parameters that have become shorter, if any have."""
        if changed:
            self._average = None  # the old one averaged models of a different size
            self._wrap()

    def _wrap(self) -> None:
        """Average gradients over all processes. Repeat this when the size of a parameter changes."""
        step: nn.Module = _Step(self.model, self.recipe.losses())
        if self.group.size > 1:
            step = DistributedDataParallel(step, find_unused_parameters=len(self._optimizers) > 1)
        self._forward = step

    def _enter(self, progress: float) -> None:
        """Set everything that depends on the completed share of the run: learning rates, rounding, averaging."""
        settings = self.recipe.settings
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["largest"] * _rate(progress, settings.warmup)
        if self._budget is not None:
            softness = max(0.0, 1 - progress / settings.quantize_from) if settings.quantize_from else 0.0
            set_softness(self.recipe.exported(self.model), softness)
        if not self._rounding and progress >= settings.quantize_from:
            self._rounding = True
            for model in (self.model, self.result):
                fr.set_format(self.recipe.exported(model), self._formats)
        over = settings.average_from is not None and progress >= settings.average_from
        if over and self._average is None:
            self._average = AveragedModel(self.model)

    def _descend(
        self, part: str, optimizer: torch.optim.Optimizer, batch: Batch, draws: Draws, tiers: Sequence[int]
    ) -> Tensor:
        """Take one optimizer step on the loss of one part of the model; return the mean over the tiers."""
        precision = AUTOCAST.get(self.recipe.settings.precision)
        self.model.zero_grad()
        losses = []
        for weight in lessons(self.recipe, self.model, tiers):
            with torch.autocast(self.group.device.type, precision, enabled=precision is not None):
                loss: Tensor = weight * self._forward(part, batch, draws)
            losses.append(loss.detach())
            if self._rate is not None and part == self._regularized:
                loss = loss + self._rate()
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(optimizer)
        return torch.stack(losses).sum()

    def _no_losses(self, parts: Iterable[str]) -> dict[str, Tensor]:
        return {part: torch.zeros((), dtype=torch.float64, device=self.group.device) for part in parts}


class _Step(nn.Module):
    """The losses as a module's forward method, which DistributedDataParallel hooks into."""

    def __init__(self, model: nn.Module, losses: Mapping[str, Loss]) -> None:
        super().__init__()
        self.model, self.losses = model, losses

    def forward(self, part: str, batch: Batch, draws: Draws) -> Tensor:
        loss = self.losses[part](self.model, batch, draws)
        if not isinstance(loss, Tensor) or loss.dim():
            what = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(f"the loss {part!r} is {what}, not a tensor with one number and no axes")
        if not loss.requires_grad:
            raise ValueError(f"the loss {part!r} does not depend on the parameters of the model")
        return loss


def _losses(recipe: Recipe, model: nn.Module) -> Mapping[str, Loss]:
    """Return the losses of a recipe, each for a part of its model."""
    losses: Mapping[str, Loss] = returned(recipe, "losses()", recipe.losses(), Mapping)  # type: ignore[type-abstract]
    if not losses:
        raise ValueError(f"losses() of recipe {recipe.name} returns no losses")
    for part in losses:
        try:
            model.get_submodule(part)
        except AttributeError as error:
            raise ValueError(f"losses() of recipe {recipe.name}: the model has no part {part!r}") from error
    return losses


def _optimizer(model: nn.Module, part: str, settings: Settings) -> torch.optim.Optimizer:
    """Return the optimizer for a part of the model. Coefficients have learning rates of their own."""
    tensors = fr.spectral_tensors(model).values()
    kinds = {id(tensor.coefficients): "coefficients" for tensor in tensors}
    kinds |= {id(tensor.spectral.level): "steps" for tensor in tensors}
    kinds |= {id(parameter): "quantized" for parameter in stepped(model)}
    kinds |= {id(live.level): "levels" for _, live in live_norms(model).values()}
    rates = {
        "coefficients": settings.lr,
        "plain": settings.plain_lr,
        "quantized": settings.quantized_lr,
        "steps": settings.lr,
        "levels": settings.quantized_lr,
    }
    members: dict[str, list[nn.Parameter]] = {kind: [] for kind in rates}
    for parameter in model.get_submodule(part).parameters():
        members[kinds.get(id(parameter), "plain")].append(parameter)
    groups = [
        {
            "params": members[kind],
            "largest": rate,
            "weight_decay": 0.0 if kind in ("steps", "levels") else settings.weight_decay,
        }
        for kind, rate in rates.items()
        if members[kind]
    ]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)
    if settings.optimizer == "eigen":
        return fr.EigenAdam(groups, every=50 if settings.size is None else SPARING)
    return torch.optim.AdamW(groups)


def _has_spectra(model: nn.Module) -> bool:
    return bool(fr.spectral_tensors(model))


def _formats(model: nn.Module, settings: Settings) -> dict[str, str]:
    """Return the number format in which to store each tensor, by name, and turn off rounding for now."""
    tensors = fr.spectral_tensors(model)
    wanted = {name: tensor.spectral.format or settings.format for name, tensor in tensors.items()}
    fr.set_format(model, wanted)  # checks that the formats exist
    fr.set_format(model, None)
    return {name: format for name, format in wanted.items() if format is not None}


def _rate(progress: float, warmup: float) -> float:
    """Return the share of the largest learning rate: a linear rise from 0, then a cosine that falls to 0 at the end."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / max(1 - warmup, 1e-9)))
