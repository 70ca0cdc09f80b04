"""Record the metrics of each epoch, in memory and as a file with one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from frformat.format.atomic import replacing


@dataclass(frozen=True)
class Row:
    """The record of one epoch.

    Attributes:
        epoch: its number, from 1; 0 is the state before the first step, in runs that start from a compressed file.
        step: number of steps taken so far.
        losses: mean loss of the epoch, by part of the model; empty for epoch 0.
        metrics: metrics on the validation samples, or on the test samples if there are none.
        numbers: number of parameters of the model.
        kept: number of nonzero coefficients of each regularized or quantized tensor.
        seconds: total working time so far, including evaluation and all resumed parts of the run.
        tiers: metrics of each tier, smallest first; empty if there is only one. ``metrics`` are those of the largest.
        nbytes: size of the model's file when it was last encoded; None if the run has no budget.
    """

    epoch: int
    step: int
    losses: dict[str, float]
    metrics: dict[str, float]
    numbers: int
    kept: dict[str, int]
    seconds: float
    tiers: list[dict[str, float]] = field(default_factory=list)
    nbytes: int | None = None


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file with one that contains these rows."""
    with replacing(path) as file:
        for row in rows:
            file.write(json.dumps(asdict(row)).encode() + b"\n")


def read(path: Path) -> list[Row]:
    """Return the rows of a file."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]
