from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

import frformat
from frformat.torch import each_tier, load_model, load_nested
from frformat.torch.nesting import FilterGroup, Member, SeedError, descendant, offline
from frformat.train import Data, ProcessGroup
from frformat.train.nested import DENSE, Nesting, train_nested
from tests.train.tiny import Tiny, tiny

NORM = tuple(Member(f"1.{name}", 0) for name in ("weight", "bias", "running_mean", "running_var"))
GROUPS = {"0": FilterGroup("0", 4, (Member("0.weight", 0), Member("0.bias", 0), *NORM, Member("4.weight", 1, 16)))}


@pytest.fixture(autouse=True)
def _known_filters(monkeypatch):
    """Use known filters, because torch-pruning can be missing."""
    monkeypatch.setattr(offline, "filter_groups", lambda model, example: GROUPS)


def recipe(**changes):
    return tiny(**{"holdout": 0.25, "distill": 0.5, "temperature": 2.0, "batch": 12, **changes})


@pytest.mark.parametrize("ranking", ["trr", "l1", "random"])
def test_from_data_to_a_file_with_tiers(ranking, tmp_path):
    stages = []
    nesting = Nesting(shares=(0.25, 0.5), epochs=2, ranking=ranking)
    outcome = train_nested(recipe(), tmp_path, nesting, listener=stages.append)
    assert [(stage.kind, stage.widths["0"]) for stage in stages] == [
        ("prune", 2),
        ("prune", 1),
        ("grow", 2),
        ("grow", 4),
    ]
    assert list(outcome.stages) == stages
    assert [tier.widths["0"] for tier in outcome.tiers] == [1, 2, 4]
    data = recipe().data(None)
    model = load_nested(recipe().model(), outcome.path).eval()
    for tier in each_tier(model):
        found = outcome.tiers[tier]
        plain = descendant(model, tier)
        load_model(plain, outcome.path, tier=tier)
        with torch.no_grad():
            assert recipe().evaluate(plain, data.test, ProcessGroup()) == pytest.approx(found.metrics)
    with frformat.open(outcome.path) as file:
        assert [tier.nbytes for tier in outcome.tiers] == list(file.container.ends)
        assert len(file.metadata["tiers.accuracy"].split(" ")) == 3
    assert outcome.dense_bytes == (tmp_path / DENSE / "model.frz").stat().st_size


def test_runs_are_reproducible_and_resume_after_the_whole_network(tmp_path):
    nesting = Nesting(shares=(0.5,))
    first = train_nested(recipe(), tmp_path / "one", nesting)
    expected = Path(first.path).read_bytes()
    again = train_nested(recipe(), tmp_path / "one", nesting, resume=True)
    for outcome in (again, train_nested(recipe(), tmp_path / "two", nesting)):
        assert Path(outcome.path).read_bytes() == expected
    other = train_nested(recipe(seed=5), tmp_path / "three", nesting)
    assert (frformat.load_file(other.path)["0.weight"] != frformat.load_file(first.path)["0.weight"]).any()


def test_a_minimum_that_cannot_be_reached(tmp_path):
    with pytest.raises(SeedError, match=r"below the minimum of 1\.5"):
        train_nested(recipe(), tmp_path, Nesting(minimum=1.5))
    assert not (tmp_path / "model.frz").exists()


def test_unusable_settings(tmp_path):
    with pytest.raises(ValueError, match="set holdout"):
        train_nested(recipe(holdout=0.0), tmp_path, Nesting())
    with pytest.raises(ValueError, match="no samples are left"):
        train_nested(recipe(holdout=1.0), tmp_path, Nesting())
    with pytest.raises(ValueError, match="one process"):
        train_nested(recipe(), tmp_path, Nesting(), group=replace(ProcessGroup(), size=2))
    with pytest.raises(ValueError, match="ranking='best'"):
        Nesting(ranking="best")
    with pytest.raises(ValueError, match="epochs=0"):
        Nesting(epochs=0)
    with pytest.raises(ValueError, match="minimum=nan"):
        Nesting(minimum=float("nan"))
    with pytest.raises(ValueError, match=r"shares=\[25, 50\]: must be ascending, each between 0 and 1"):
        Nesting(shares=(25, 50))
    assert not list(tmp_path.iterdir())


class Unlabeled(Tiny):
    def data(self, folder):
        data = super().data(folder)
        return Data(*(TensorDataset(images, images.float()) for images, _ in (data.train.tensors, data.test.tensors)))


class PartOnly(Tiny):
    def exported(self, model):
        return model[0]


class Cumulative(Tiny):
    def model(self):
        model = super().model()
        model[1].momentum = None
        return model


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Unlabeled, "ranking trr needs a class for each sample"),
        (PartOnly, "exports only a part of its model"),
        (Cumulative, "1: averages over all batches cannot have tiers"),
    ],
)
def test_unusable_networks_are_refused_before_anything_is_trained(kind, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train_nested(kind(recipe().settings), tmp_path, Nesting())
    assert not list(tmp_path.iterdir())


def test_a_network_without_filters_is_refused_before_anything_is_trained(monkeypatch, tmp_path):
    monkeypatch.setattr(offline, "filter_groups", lambda model, example: {})
    with pytest.raises(ValueError, match="Sequential has no filters that can be removed"):
        train_nested(recipe(), tmp_path, Nesting())
    assert not list(tmp_path.iterdir())
