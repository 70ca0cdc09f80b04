"""Hugging Face Transformers: truncation schedules as a trainer callback, and models in folders.

>>> trainer = Trainer(model, args, callbacks=[Truncation(lambda m, o: TailTruncation(m, o, by=0.02, minimum=33))], …)
>>> save_pretrained(model, "folder")
>>> model = from_pretrained(BertForSequenceClassification, "folder")
"""

from __future__ import annotations

import base64
import io
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from frformat.errors import DependencyError
from frformat.torch.models import load_model, save_model
from frformat.torch.regularization import GuardedTruncation, Schedule

try:
    from transformers import PretrainedConfig, TrainerCallback
    from transformers.trainer_callback import ExportableState
except ImportError as error:
    raise DependencyError("the integration with Transformers", error) from error

StrPath = str | os.PathLike[str]
Make = Callable[[nn.Module, Sequence[Optimizer]], Schedule]
"""Creates a schedule for a model and the optimizers that train it."""

WEIGHTS: Final = "model.frz"

STATE: Final = "schedule"
"""Key of the schedule's state in a trainer's checkpoint."""


class Truncation(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Steps a truncation schedule after each epoch, or after each evaluation if it is guarded by a metric.

    The trainer's checkpoints contain the schedule's state, which is restored when training resumes from one of them.
    Do not pass ``restore_callback_states_from_checkpoint``: the trainer cannot create this callback itself.

    Args:
        make: creates the schedule from the model and its optimizers when training begins.
        monitor: for :class:`GuardedTruncation`, the name of an evaluation metric, such as ``eval_accuracy``.

    Attributes:
        schedule: the schedule, once training has begun.
    """

    def __init__(self, make: Make, *, monitor: str | None = None) -> None:
        self.schedule: Schedule | None = None
        self._make, self._monitor = make, monitor

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Create the schedule."""
        if args.world_size > 1:
            raise ValueError(
                "parameters cannot shrink while several processes train: use one process, or do without a schedule"
            )
        optimizer = given["optimizer"]
        self.schedule = self._make(given["model"], [getattr(optimizer, "optimizer", optimizer)])
        if isinstance(self.schedule, GuardedTruncation) != (self._monitor is not None):
            raise ValueError("GuardedTruncation needs monitor=…, the name of a metric; other schedules take none")
        if state.global_step > 0:
            self.schedule.load_state_dict(_saved(state.stateful_callbacks.get(type(self).__name__)))

    def state(self) -> dict[str, Any]:
        """Return the schedule's state in the form in which the trainer stores it."""
        if self.schedule is None:
            return {"args": {}, "attributes": {}}
        file = io.BytesIO()
        torch.save(self.schedule.state_dict(), file)
        return {"args": {}, "attributes": {STATE: base64.b64encode(zlib.compress(file.getvalue())).decode()}}

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Step the schedule, unless it waits for a metric."""
        if self._monitor is None and self.schedule is not None:
            self.schedule.step()  # type: ignore[attr-defined]

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Step the schedule, if it waits for a metric."""
        metrics: Mapping[str, float] = given.get("metrics") or {}
        if self._monitor is None or self.schedule is None:
            return
        if self._monitor not in metrics:
            raise ValueError(
                f"no metric {self._monitor!r} was computed; the metrics are {', '.join(metrics) or 'none'}"
            )
        self.schedule.step(metrics[self._monitor])  # type: ignore[attr-defined]


def _saved(entry: Any) -> Any:
    """Return the schedule's state from a trainer's checkpoint."""
    text = entry.get("attributes", {}).get(STATE) if isinstance(entry, dict) else None
    if text is None:
        raise ValueError("the checkpoint does not contain the state of exactly one truncation schedule: start over")
    return torch.load(io.BytesIO(zlib.decompress(base64.b64decode(text))), map_location="cpu", weights_only=True)


def save_pretrained(model: nn.Module, folder: StrPath, **options: Any) -> None:
    """Write a model to a folder: ``model.frz``, and its Transformers configuration.

    Args:
        model: a Transformers model, regularized or not.
        folder: created if it does not exist.
        options: options of :func:`frformat.torch.save_model`.

    Raises:
        ValueError: the model has no configuration.
        EncodeError, OSError: see :func:`frformat.torch.save_model`.
    """
    config = getattr(model, "config", None)
    if not isinstance(config, PretrainedConfig):
        raise ValueError(f"{type(model).__name__} has no Transformers configuration; save_model() writes its weights")
    Path(folder).mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    save_model(model, Path(folder) / WEIGHTS, **options)


def from_pretrained(kind: Any, folder: StrPath, **options: Any) -> Any:
    """Load a model from a folder that :func:`save_pretrained` wrote, in evaluation mode.

    Args:
        kind: the class of the model; Transformers' ``AutoModel…`` classes also work.
        folder: the folder.
        options: options of :func:`frformat.torch.load_model`.

    Raises:
        MismatchError, FrzError, OSError: see :func:`frformat.torch.load_model`.
    """
    if hasattr(kind, "from_config"):
        from transformers import AutoConfig

        model = kind.from_config(AutoConfig.from_pretrained(folder))
    else:
        model = kind(kind.config_class.from_pretrained(folder))
    load_model(model, Path(folder) / WEIGHTS, **options)
    return model.eval()
