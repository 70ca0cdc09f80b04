"""Compare the time of a training step of regularized models with that of the plain model, on two threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import Row
from frformat.torch.regularization import regularize, spectral_tensors
from frformat.train.models import LeNet5, ResNet20, UNet

THREADS = 2


@dataclass(frozen=True)
class Case:
    """A network and its training data.

    Attributes:
        name: label of the row.
        make: creates the plain network.
        inputs: shape of a batch.
        targets: shape of the batch's targets.
        classes: number of classes.
        keep: number of coefficients of each tensor that the truncated network keeps.
        rules: exceptions to ``keep``.
        aim: maximum time of a step with a truncated spectrum, relative to a plain step.
        rounds: number of runs of each step. The fastest counts.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: tuple[int, ...]
    targets: tuple[int, ...]
    classes: int
    keep: int | float
    rules: Sequence[str]
    aim: float
    rounds: int


CASES = (
    Case("UNet, 8 × 128×128", UNet, (8, 3, 128, 128), (8, 128, 128), 2, 33, (), 0.8, 8),
    Case("ResNet-20, 128 × 32×32", ResNet20, (128, 3, 32, 32), (128,), 10, 0.05, (), 1.2, 15),
    Case("LeNet-5, 128 × 28×28", LeNet5, (128, 1, 28, 28), (128,), 10, 191, ("*.bias: keep=3",), 1.5, 50),
)


def run() -> list[Row]:
    """Measure steps with the full spectrum and with a truncated one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        return [row for case in CASES for row in _rows(case)]
    finally:
        torch.set_num_threads(threads)


def _rows(case: Case) -> list[Row]:
    torch.manual_seed(0)
    x, y = torch.randn(case.inputs), torch.randint(case.classes, case.targets)
    full = regularize(case.make(), example=x[:1])
    truncated = regularize(case.make(), case.keep, rules=case.rules, example=x[:1])
    seconds = _fastest({"plain": case.make(), "full": full, "truncated": truncated}, x, y, case.rounds)
    plain = seconds["plain"]
    numbers = sum(tensor.kept for tensor in spectral_tensors(truncated).values())
    return [
        _row(f"{case.name}: step with the full spectrum", seconds["full"], plain, 1.25),
        _row(f"{case.name}: step with {numbers:,} coefficients", seconds["truncated"], plain, case.aim),
    ]


def _row(what: str, seconds: float, plain: float, aim: float) -> Row:
    figure = f"{seconds / plain:.2f} × the plain step ({1e3 * seconds:.0f} ms / {1e3 * plain:.0f} ms)"
    return Row(what, figure, f"≤ {aim:g} ×", seconds <= aim * plain)


def _fastest(models: Mapping[str, nn.Module], x: Tensor, y: Tensor, rounds: int) -> dict[str, float]:
    """Return the time in seconds of each model's fastest step with Adam. The models take turns."""
    optimizers = {name: torch.optim.Adam(model.parameters(), 1e-3) for name, model in models.items()}
    fastest = dict.fromkeys(models, float("inf"))
    for _ in range(rounds + 1):
        for name, model in models.items():
            start = time.perf_counter()
            optimizers[name].zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizers[name].step()
            fastest[name] = min(fastest[name], time.perf_counter() - start)
    return fastest
