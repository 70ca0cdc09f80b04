from __future__ import annotations

from pathlib import Path

import pytest

import frformat as frz
from frformat.torch.nesting import offline
from tests.cli.command import frformat, refused
from tests.cli.test_train import CPU, TINY
from tests.train.test_nested import GROUPS

RUN = ("train", TINY, *CPU, "--nested", "--epochs", "1", "--tiers", "25%,50%")


@pytest.fixture(autouse=True)
def _known_filters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offline, "filter_groups", lambda model, example: GROUPS)


def test_stages_and_tiers_are_shown(tmp_path: Path):
    found = frformat(*RUN, "-o", tmp_path / "run", "--ranking", "l1")
    assert found.code == 0, found.err
    stages = [line.split()[:3] for line in found.err.splitlines() if " filters " in line]
    assert stages == [["prune", "to", "2"], ["prune", "to", "1"], ["grow", "to", "2"], ["grow", "to", "4"]]
    with frz.open(tmp_path / "run" / "model.frz") as file:
        assert file.info("0.weight").corners == ((1, 1, 3, 3), (2, 1, 3, 3), (4, 1, 3, 3))
        ends = file.container.ends
    rows = [line.split() for line in found.out.splitlines()]
    assert [next(row for row in rows if row[:1] == [str(tier)])[3] for tier in range(3)] == [f"{end:,}" for end in ends]
    again = frformat(*RUN, "-o", tmp_path / "again", "--ranking", "l1", "--json").json
    assert [tier["nbytes"] for tier in again["tiers"]] == list(ends)
    assert again["settings"]["holdout"] == 0.1
    assert "--resume continues it" in refused(*RUN, "-o", tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dense", "--keep", "5"), "--keep, --dense: cannot be combined with --nested"),
        (("--ranking", "best"), "ranking='best'"),
        (("--holdout", "0"), "set holdout"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], message: str, tmp_path: Path):
    assert message in refused(*RUN, *arguments, "-o", tmp_path / "run")


def test_a_minimum_that_no_tier_reaches(tmp_path: Path):
    found = frformat(*RUN, "--minimum", "1.5", "-o", tmp_path / "run")
    assert found.code == 2
    assert "below the minimum of 1.5" in found.err.splitlines()[-1]
    assert not (tmp_path / "run" / "model.frz").exists()


def test_stage_options_require_the_flag(tmp_path: Path):
    message = refused("train", TINY, "--minimum", "0.9", "--stage-epochs", "2", "-o", tmp_path / "run")
    assert "--minimum, --stage-epochs: requires --nested" in message
