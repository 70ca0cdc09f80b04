"""The plot of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

from frformat.train import plots
from frformat.train.history import Row


def row(epoch: int, tensors: int, tiers: int) -> Row:
    kept = {f"layer{number}": 10 * (number + 1) for number in range(tensors)}
    losses = {"generator": 1 / epoch, "discriminator": 2 / epoch}
    each = [{"accuracy": 0.1 * tier} for tier in range(tiers)]
    return Row(epoch, 100 * epoch, losses, {"accuracy": 0.9}, 1000, kept, 1.0, each)


@pytest.mark.parametrize(
    ("tensors", "tiers", "metrics", "named"),
    [
        (2, 0, ["accuracy"], ["layer1", "layer0"]),
        (12, 3, ["tier 0", "tier 1", "tier 2"], [*(f"layer{number}" for number in range(11, 3, -1)), "4 smaller"]),
    ],
)
def test_every_curve_is_named(tensors: int, tiers: int, metrics: list[str], named: list[str]):
    figure = plots.draw([row(epoch, tensors, tiers) for epoch in (1, 2)], "accuracy", "a run")
    losses, course, _, kept = figure.axes
    assert [list(line.get_ydata()) for line in losses.lines] == [[1, 0.5], [2, 1]]
    legends = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (losses, course, kept)]
    assert legends == [["generator", "discriminator"], metrics, named]
    assert len(kept.lines) == tensors


def test_models_without_regularized_tensors_and_runs_without_epochs(tmp_path: Path):
    plots.save([row(1, 0, 0)], "accuracy", "a run", tmp_path / "course.png")
    plots.save([], "accuracy", "a run", tmp_path / "empty.svg")
    assert (tmp_path / "course.png").read_bytes().startswith(b"\x89PNG")
