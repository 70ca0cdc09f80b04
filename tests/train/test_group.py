from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from frformat import load_file
from frformat.train import ProcessGroup, joined
from frformat.train.run import Run
from tests.cli.command import frformat
from tests.train.tiny import tiny

RECIPE = os.path.join(os.path.dirname(__file__), "tiny.py")
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.train.commands"]

PLAIN = ["--schedule", "tail", "--epochs", "6", "--average-from", "0.8", "--weight-decay", "0.01"]
EVALUATED = {"average": ["--average-from", "0.5"], "size": ["--size", "700"]}

distributed = pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without distributed")


def arguments(folder, recipe, *options):
    return ["train", f"{RECIPE}:{recipe}", "-o", str(folder), "--device", "cpu", *options]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Return the folder with the models of several commands that two processes run, and what each process prints."""
    folder = tmp_path_factory.mktemp("two")
    assert frformat(*arguments(folder / "dense", "Tiny", "--dense")).code == 0
    tuning = ["--quantized", "--from", str(folder / "dense" / "model.frz"), "--size", "500"]
    options = {"plain": PLAIN, **{name: ["--json", *each] for name, each in {**EVALUATED, "tuned": tuning}.items()}}
    commands = [arguments(folder / name, "NoNorm" if name == "plain" else "Tiny", *options[name]) for name in options]
    (folder / "commands.json").write_text(json.dumps(commands), "utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, *TWO, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ranks = [json.loads((folder / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)]
    assert [outcome["code"] for each in ranks for outcome in each] == [0] * 2 * len(options), ranks
    return folder, {
        name: [outcome["out"] for outcome in outcomes] for name, *outcomes in zip(options, *ranks, strict=True)
    }


@distributed
def test_two_processes_train_like_one(two, tmp_path):
    assert frformat(*arguments(tmp_path, "NoNorm", *PLAIN)).code == 0
    one, both = (load_file(folder / "model.frz") for folder in (tmp_path, two[0] / "plain"))
    assert one.keys() == both.keys()
    for weights in (one, both):  # the gradient of the logits' common part is only noise, which Adam turns into steps
        weights["3.weight"] = weights["3.weight"] - weights["3.weight"].mean(0)
    for name, weights in one.items():
        np.testing.assert_allclose(both[name], weights, rtol=1e-3, atol=1e-4, err_msg=name)


@distributed
def test_only_the_first_of_two_processes_prints(two):
    said = two[1]
    assert "decoded from the file" in said["plain"][0]
    assert [second for _, second in said.values()] == [""] * len(said)


@distributed
@pytest.mark.parametrize("name", EVALUATED)
def test_two_processes_evaluate_the_model_that_they_store(name, two):
    """Each process sees other samples, so its batch normalization has other running statistics."""
    outcome = json.loads(two[1][name][0])
    assert outcome["metrics"] == pytest.approx(outcome["decoded"], abs=1e-6)


@distributed
def test_two_processes_fine_tune_the_model_that_they_store(two):
    folder, said = two
    outcome = json.loads(said["tuned"][0])
    assert outcome["metrics"] == pytest.approx(outcome["decoded"], abs=1e-6)
    assert not [name for name in load_file(folder / "tuned" / "model.frz") if "live" in name]


def test_a_missing_device_is_named():
    with pytest.raises(ValueError, match="device 'nothing' cannot be used"), joined("nothing"):
        pass


class Attentive(ProcessGroup):
    """Notes which tensors the processes agree on."""

    agreed: ClassVar[list[int]] = []

    def agree(self, tensors):
        self.agreed.extend(map(id, tensors))


@pytest.mark.parametrize("change", [{"size": 700}, {"size": 700, "average_from": 0.5}, {"schedule": "tail"}], ids=str)
def test_processes_agree_before_they_truncate(change):
    """Each has its own running statistics, whose code length would count when the rate term is adjusted."""
    recipe = tiny(**change)
    run = Run(recipe, recipe.data(None), Attentive())
    while run.step < run.steps:
        Attentive.agreed.clear()
        run.advance()
        agreed, ends = {*Attentive.agreed}, run.step % run.epoch_steps == 0
        assert ({*map(id, run.model.buffers())} <= agreed) == (ends or "size" in change)
        assert ({*map(id, run.model.parameters())} <= agreed) == ends
    if "size" in change:
        assert {*map(id, run.result.parameters())} <= agreed


def test_tensors_of_any_layout_are_agreed_on(monkeypatch):
    monkeypatch.setattr(torch.distributed, "broadcast", lambda tensor, source: tensor.view(-1).zero_())
    images = torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last)
    tensors = [torch.ones(2, 3), torch.ones(2, 3).T, nn.Parameter(images)]
    ProcessGroup(size=2).agree(tensors)
    assert not any(tensor.any() for tensor in tensors)
