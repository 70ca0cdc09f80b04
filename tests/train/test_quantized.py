"""Runs that fine-tune a compressed file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import frformat
from frformat.errors import EncodeError
from frformat.torch import CompressionError, compress, load_model
from frformat.torch.quantized import quantized_tensors
from frformat.train import ProcessGroup, history, train
from frformat.train.budget import START, calibration
from frformat.train.loop import HISTORY
from frformat.train.recipe import metrics
from frformat.train.run import Run
from tests.train.test_loop import Death, Killer, Listener
from tests.train.tiny import tiny

LESS = 60
"""Number of bytes to save."""

QUANTIZED = {"quantized": True, "quantized_lr": 0.2, "schedule": "prune"}


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(train(tiny(dense=True, epochs=8), tmp_path_factory.mktemp("dense")).path)


@pytest.fixture(scope="module")
def small(dense: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compressed file, of little accuracy."""
    recipe, path = tiny(), tmp_path_factory.mktemp("small") / "small.frz"
    model = recipe.model().eval()
    load_model(model, dense)
    compress(model, path, [recipe.inputs(recipe.data(None).train.tensors)], size=500)
    return path


def test_it_learns_and_the_file_contains_the_model(small: Path, tmp_path: Path):
    recipe, listener = tiny(epochs=8, **QUANTIZED), Listener()
    outcome = train(recipe, tmp_path, weights=small, callback=listener)
    assert outcome.metrics["accuracy"] >= 0.9
    assert outcome.decoded["accuracy"] == outcome.metrics["accuracy"]
    assert outcome.difference <= 1e-4 * outcome.scale
    assert outcome.nbytes == Path(outcome.path).stat().st_size <= small.stat().st_size
    assert listener.rows == history.read(tmp_path / HISTORY)
    with frformat.open(outcome.path) as file:
        found = {name: int((file.stored(name).values != 0).sum()) for name in listener.rows[-1].kept}
    assert listener.rows[-1].kept == found
    before, first, *_, last = listener.rows
    assert last.losses[""] < first.losses[""]
    assert (before.epoch, before.step, before.losses, before.nbytes) == (0, 0, {}, small.stat().st_size)
    model = recipe.model()
    load_model(model, small)
    with torch.no_grad():
        assert before.metrics == metrics(recipe, model.eval(), recipe.data(None).test, ProcessGroup())


def test_weights_that_take_more_than_the_size_are_compressed_first(dense: Path, small: Path, tmp_path: Path):
    listener, size = Listener(), small.stat().st_size - LESS
    for start in (dense, small):
        recipe = tiny(epochs=8, size=size, average_from=0.7, **QUANTIZED)
        outcome = train(recipe, tmp_path / start.stem, weights=start, callback=listener)
        assert outcome.nbytes == Path(outcome.path).stat().st_size <= size
        assert outcome.decoded["accuracy"] == outcome.metrics["accuracy"] >= 0.9
        assert (tmp_path / start.stem / START).stat().st_size <= size
        assert all(row.nbytes is not None and row.nbytes <= size for row in listener.rows)
    assert listener.stages


@pytest.mark.filterwarnings("ignore:fit_quantized")
def test_a_run_that_makes_the_model_worse_says_so(small: Path, tmp_path: Path):
    good = train(tiny(epochs=8, **QUANTIZED), tmp_path / "good", weights=small).path
    with pytest.warns(UserWarning, match=r"worse \(accuracy was 1\.0000, and is 0\.\d+\); .*model\.frz"):
        train(tiny(epochs=1, **QUANTIZED | {"quantized_lr": 1e-4, "plain_lr": 10.0}), tmp_path / "bad", weights=good)


def test_validation_samples_are_not_used_for_compression():
    recipe = tiny(holdout=0.25, size=500, **QUANTIZED)
    data = recipe.data(None).with_validation(0.25)
    assert data.validation is not None
    kept_back = {tuple(row.flatten().tolist()) for row in recipe.inputs(data.validation.tensors)}
    chosen = calibration(recipe, data)
    assert 0 < len(chosen) <= data.samples
    assert not any(tuple(row.flatten().tolist()) in kept_back for row in chosen)


def test_a_run_resumes_from_its_compressed_file(dense: Path, small: Path, tmp_path: Path):
    recipe = tiny(size=small.stat().st_size, **QUANTIZED)
    with pytest.raises(Death):
        train(recipe, tmp_path, weights=dense, checkpoint_every=0, callback=Killer(2))
    listener = Listener()
    train(recipe, tmp_path, weights=dense, resume=True, callback=listener)
    assert not listener.stages
    with pytest.raises(CompressionError, match="99"):
        train(tiny(size=99, **QUANTIZED), tmp_path / "run", weights=dense)
    assert not (tmp_path / "run").exists()


@hypothesis_settings(max_examples=4)
@given(data=st.data())
def test_an_interrupted_run_reaches_the_same_weights(data, small: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("runs")
    recipe = tiny(size=small.stat().st_size - LESS, average_from=0.7, **QUANTIZED)
    whole = train(recipe, folder / "whole", weights=small)
    for step in sorted(data.draw(st.sets(st.integers(1, 12), min_size=1, max_size=3))):
        with pytest.raises(Death):
            train(recipe, folder / "broken", weights=small, resume=True, checkpoint_every=0, callback=Killer(step))
    broken = train(recipe, folder / "broken", weights=small, resume=True)
    rows = [history.read(folder / name / HISTORY) for name in ("whole", "broken")]
    assert [row.nbytes for row in rows[0]] == [row.nbytes for row in rows[1]]
    assert Path(whole.path).read_bytes() == Path(broken.path).read_bytes()


def test_rounding_becomes_harder_until_quantize_from(small: Path, tmp_path: Path):
    class Softness(Listener):
        """Notes the softness of each step."""

        def step(self, run: Run) -> None:
            held: Any = next(iter(quantized_tensors(run.model).values()))
            found[run.step] = float(held[0].softness)

    found: dict[int, float] = {}
    train(tiny(epochs=4, quantize_from=0.5, **QUANTIZED), tmp_path / "half", weights=small, callback=Softness())
    last = max(found)
    assert [found[step] for step in (1, 1 + last // 4, 1 + last // 2, last)] == [1.0, 0.5, 0.0, 0.0]
    train(tiny(epochs=1, quantize_from=0.0, **QUANTIZED), tmp_path / "hard", weights=small, callback=Softness())
    assert found[1] == 0.0


def test_a_teacher_is_a_plain_network(small: Path, dense: Path, tmp_path: Path):
    outcome = train(tiny(distill=0.5, **QUANTIZED), tmp_path, weights=small, teacher=dense)
    assert outcome.decoded["accuracy"] >= 0.9


def test_impossible_settings(small: Path, dense: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="quantized needs trained weights"):
        train(tiny(**QUANTIZED), tmp_path / "run")
    with pytest.raises(ValueError, match=r"is not quantized, and has [\d,]+ bytes: choose a size$"):
        train(tiny(**QUANTIZED), tmp_path / "run", weights=dense)
    with pytest.raises(ValueError, match=r"choose a size below [\d,]+, not 1,000,000$"):
        train(tiny(**QUANTIZED, size=1_000_000), tmp_path / "run", weights=dense)
    own = tmp_path / "own" / START
    own.parent.mkdir()
    own.write_bytes(small.read_bytes())
    with pytest.raises(ValueError, match=r"start\.frz would be replaced by its compressed weights"):
        train(tiny(**QUANTIZED, size=small.stat().st_size - LESS), own.parent, weights=own)
    assert own.read_bytes() == small.read_bytes()
    for other in ({"dense": True}, {"tiers": (0.5,)}):
        with pytest.raises(ValueError, match="mutually exclusive"):
            tiny(quantized=True, **other)
    assert not (tmp_path / "run").exists()


def test_random_numbers_do_not_depend_on_the_file(small: Path, tmp_path: Path):
    train(tiny(epochs=1, **QUANTIZED), tmp_path / "a", weights=small)
    torch.manual_seed(5)
    train(tiny(epochs=1, **QUANTIZED), tmp_path / "b", weights=small)
    assert (tmp_path / "a" / "model.frz").read_bytes() == (tmp_path / "b" / "model.frz").read_bytes()


def test_a_run_is_not_resumed_with_another_file(small: Path, dense: Path, tmp_path: Path):
    recipe, other = tiny(**QUANTIZED), tmp_path / "other.frz"
    model = recipe.model().eval()
    load_model(model, dense)
    compress(model, other, quality=4)
    with pytest.raises(Death):
        train(recipe, tmp_path / "run", weights=small, checkpoint_every=0, callback=Killer(2))
    with pytest.raises(ValueError, match="belongs to another run: the compressed file is different"):
        train(recipe, tmp_path / "run", weights=other, resume=True)


@pytest.mark.parametrize("optimizer", ["eigen", "sgd"])
def test_settings_about_coefficients_have_no_effect(optimizer: str, small: Path, tmp_path: Path):
    recipe = tiny(quantized=True, schedule="guarded", optimizer=optimizer, epochs=1)
    outcome = train(recipe, tmp_path, weights=small)
    assert outcome.decoded["accuracy"] == outcome.metrics["accuracy"]
    assert outcome.nbytes <= small.stat().st_size


def test_divergence_is_reported(small: Path, tmp_path: Path):
    with pytest.raises(EncodeError, match="training diverged"):
        train(tiny(**{**QUANTIZED, "quantized_lr": 1e38, "optimizer": "sgd"}), tmp_path, weights=small)
