"""Damaged checkpoints, checkpoints of recipes that have changed, and folders that are in use."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch

from frformat.runtimes.models import imported
from frformat.train import CheckpointError, history, train
from frformat.train.folder import occupied
from frformat.train.loop import CHECKPOINT, HISTORY, MODEL
from tests.train.test_loop import Death, Killer
from tests.train.tiny import Tiny, tiny


def killed(folder: Path, recipe: Tiny | None = None) -> Path:
    """Start a run, end it abruptly in its second epoch, and return its checkpoint."""
    with pytest.raises(Death):
        train(recipe or tiny(), folder, checkpoint_every=0, callback=Killer(5))
    return folder / CHECKPOINT


def test_every_damage_to_the_state_is_found(tmp_path: Path):
    path = killed(tmp_path)
    whole = path.read_bytes()
    weights = torch.load(path, weights_only=True)["state"]["run"]["model"]["4.parametrizations.weight.original"]
    for place in (whole.index(weights.numpy().tobytes()), whole.index(b"exp_avg_sq"), whole.index(b"settings")):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"not a complete checkpoint: the checksum of record '.*' does not"):
            train(tiny(), tmp_path, resume=True)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = killed(tmp_path)
    before, replace = path.read_bytes(), os.replace

    def full(source: str, target: str) -> None:
        if target.endswith(CHECKPOINT):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*checkpoint\.pt'"):
        train(tiny(), tmp_path, resume=True, checkpoint_every=0)
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {CHECKPOINT, HISTORY}


def test_the_history_is_that_of_the_checkpoint(tmp_path: Path):
    train(tiny(), tmp_path)
    rows = history.read(tmp_path / HISTORY)
    for damaged in (b"", b"{", json.dumps({"epoch": 99}).encode()):
        (tmp_path / HISTORY).write_bytes(damaged)
        train(tiny(), tmp_path, resume=True)
        assert history.read(tmp_path / HISTORY) == rows


class Renamed(Tiny):
    metric = "share"

    def evaluate(self, *args):
        return {"share": super().evaluate(*args)["accuracy"]}


class Reversed(Tiny):
    maximize = False


class Parts(Tiny):
    def losses(self):
        return {"0": self.loss, "4": self.loss}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Renamed, "the decisive metric is different"),
        (Reversed, "whether a higher metric is better is different"),
        (Parts, r"it has losses for \[''\], not \['0', '4'\]"),
    ],
)
@pytest.mark.filterwarnings("ignore:the code of recipe")
def test_a_run_of_another_task_is_not_continued(kind, message, tmp_path: Path):
    killed(tmp_path)
    with pytest.raises(CheckpointError, match=f"belongs to another run: {message}"):
        train(kind(tiny().settings), tmp_path, resume=True)


def test_changed_code_is_reported_once(tmp_path: Path):
    file = tmp_path / "recipe.py"
    text = "from tests.train.tiny import Tiny\nclass Mine(Tiny):\n    name = 'mine'\n"
    file.write_text(text)
    mine = imported(str(file)).Mine
    killed(tmp_path / "run", mine())
    file.write_text(text + "# changed\n")
    with (
        pytest.warns(UserWarning, match=r"the code of recipe mine has changed since .*checkpoint\.pt was written"),
        pytest.raises(Death),
    ):
        train(mine(), tmp_path / "run", resume=True, checkpoint_every=0, callback=Killer(7))
    train(mine(), tmp_path / "run", resume=True)


def test_two_runs_do_not_share_a_folder(tmp_path: Path):
    place = tmp_path / "runs" / "one"
    with occupied(place), pytest.raises(BlockingIOError, match="another run is in progress in this folder: wait"):
        train(tiny(), place)
    assert not (tmp_path / "runs").exists()


def test_results_that_cannot_be_written_are_found_before_training(tmp_path: Path):
    (tmp_path / MODEL).mkdir()
    with pytest.raises(OSError, match="exists and is not a file"):
        train(tiny(), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="it is not a folder"):
        train(tiny(), tmp_path / "file")
    assert {each.name for each in tmp_path.iterdir()} == {MODEL, "file"}
