"""All techniques, and the hyperparameters to choose from for each of them."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bench import Missing, standard
from bench.techniques import bases, integers, plain, pruning
from bench.techniques.jobs import Job, Made

RATES: Final = (0.3, 1.0, 3.0)
"""Factors of the learning rate, which are tried with the middle strength."""


@dataclass(frozen=True)
class Technique:
    """A way to make a network smaller.

    Attributes:
        make: applies the technique.
        sized: whether it adapts to a file size.
        rates: factors of the learning rate to choose from.
        strengths: the values of its own hyperparameter to choose from, at each size.
        tuned: whether it starts from the dense network after further training. Techniques that train the
            network start from the dense network itself, and train for the same number of epochs.
        require: raises :class:`bench.Missing` if a package that it needs is missing.
    """

    make: Callable[[Job], Made]
    sized: bool = True
    rates: tuple[float, ...] = RATES
    strengths: tuple[Any, ...] = (None,)
    tuned: bool = False
    require: Callable[[], None] = lambda: None


def _package(name: str) -> None:
    if not importlib.util.find_spec(name):
        raise Missing(f"{name} is not installed: run `pip install --group techniques`")


TORCHAO: Final = functools.partial(_package, "torchao")
TORCH_PRUNING: Final = functools.partial(_package, "torch_pruning")

TUNED: Final = "dense, trained further"
"""Name of the dense network after the training that all techniques share."""

TECHNIQUES: Final = {
    "dense": Technique(plain.dense, sized=False, rates=(1.0,)),
    TUNED: Technique(plain.trained_on, sized=False),
    "int8, PTQ": Technique(integers.after_training, sized=False, rates=(1.0,), tuned=True, require=TORCHAO),
    "int8, QAT": Technique(integers.in_training, sized=False, rates=(1.0,), require=TORCHAO),
    "NNC": Technique(plain.standard, rates=(1.0,), tuned=True, require=standard.require),
    "frformat compress": Technique(plain.rounding, rates=(1.0,), tuned=True),
    "frformat compress, fine-tuned": Technique(plain.fine_tuned, strengths=(0.0, 0.8)),
    "magnitude pruning": Technique(pruning.magnitude, strengths=(0.8, 1.3, 2.0)),
    "structured pruning": Technique(pruning.structured, strengths=(1.0, 1.5, 2.2), require=TORCH_PRUNING),
    "Tucker": Technique(bases.tucker, strengths=(1.0, 1.5, 2.2)),
    "FR, schedule": Technique(bases.scheduled, strengths=(("prune", 0.5), ("start", 0.85), ("start", 1.1))),
    "FR, size": Technique(bases.by_size, strengths=("dense", "scratch")),
}
"""All techniques by name. Strengths are numbers of parameters per byte of the file; those of ``FR, schedule`` also name
the schedule, those of ``FR, size`` are the weights to start from, and those of ``frformat compress, fine-tuned`` are
the share of the training in which rounding is soft."""
