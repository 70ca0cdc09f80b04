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

import frformat
from frformat.train import ProcessGroup, joined
from frformat.train.run import Run
from tests.train.tiny import tiny

RECIPE = os.path.join(os.path.dirname(__file__), "tiny.py")
OPTIONS = ["--schedule", "tail", "--epochs", "6", "--device", "cpu", "--average-from", "0.8", "--weight-decay", "0.01"]


TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

distributed = pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without distributed")


def run(folder, *launcher, recipe="NoNorm", options=OPTIONS):
    command = ["-m", "frformat", "train", f"{RECIPE}:{recipe}", "-o", str(folder), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, *launcher, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return frformat.load_file(folder / "model.frz"), done


@distributed
def test_two_processes_train_like_one(tmp_path):
    alone, _ = run(tmp_path / "one")
    two, done = run(tmp_path / "two", *TWO)
    assert alone.keys() == two.keys()
    for weights in (
        alone,
        two,
    ):  # the gradient of the logits' common part is only noise, which Adam turns into steps
        weights["3.weight"] = weights["3.weight"] - weights["3.weight"].mean(0)
    for name, weights in alone.items():
        np.testing.assert_allclose(two[name], weights, rtol=1e-3, atol=1e-4, err_msg=name)
    assert done.stdout.count("decoded from the file") == 1  # only one process prints


@distributed
@pytest.mark.parametrize("options", [["--average-from", "0.5"], ["--size", "700"]])
def test_two_processes_evaluate_the_model_that_they_store(options, tmp_path):
    """Each process sees other samples, so its batch normalization has other running statistics."""
    _, done = run(tmp_path, *TWO, recipe="Tiny", options=["--device", "cpu", "--json", *options])
    outcome = json.loads(done.stdout[done.stdout.index("{") :])  # PyTorch 2.8 also prints that processes connect
    assert outcome["metrics"] == pytest.approx(outcome["decoded"], abs=1e-6)


@distributed
def test_two_processes_fine_tune_the_model_that_they_store(tmp_path):
    run(tmp_path / "dense", recipe="Tiny", options=["--device", "cpu", "--dense"])
    options = [
        "--device",
        "cpu",
        "--json",
        "--quantized",
        "--from",
        str(tmp_path / "dense" / "model.frz"),
        "--size",
        "500",
    ]
    weights, done = run(tmp_path / "tuned", *TWO, recipe="Tiny", options=options)
    outcome = json.loads(done.stdout[done.stdout.index("{") :])
    assert outcome["metrics"] == pytest.approx(outcome["decoded"], abs=1e-6)
    assert not [name for name in weights if "live" in name]


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
