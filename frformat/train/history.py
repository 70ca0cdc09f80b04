"""What is noted after each epoch, in memory and as a file with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from frformat.format.atomic import replacing


@dataclass(frozen=True)
class Row:
    """An epoch.

    Attributes:
        epoch: its number, from 1.
        step: how many steps have been taken.
        losses: mean loss of the epoch, by the part of the model.
        figures: figures of merit on the test samples.
        numbers: how many numbers the model is made of.
        kept: how many coefficients each regularized tensor has that are not zero.
        seconds: of work so far, evaluation included, over all times that the run was resumed.
        tiers: figures of each tier, the smallest first; empty if there is only one. ``figures`` are the largest's.
    """

    epoch: int
    step: int
    losses: dict[str, float]
    figures: dict[str, float]
    numbers: int
    kept: dict[str, int]
    seconds: float
    tiers: list[dict[str, float]] = field(default_factory=list)


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file by one that holds these rows."""
    with replacing(path) as file:
        for row in rows:
            file.write(json.dumps(asdict(row)).encode() + b"\n")


def read(path: Path) -> list[Row]:
    """Return the rows of a file."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]
