from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from frformat.models import LeNet5
from frformat.torch import save_model
from tests.cli.command import frformat, refused

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
    def forward(self, x):
        return self.linear(x)

class Odd(Net):
    def forward(self, x):
        return self.linear(x) * vars(self)["training"]

def make(): return Net()
def wrong(): return 3
def fails(): raise KeyError("weights")
number = 5
net = Net()
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "lenet5.frz"
    save_model(LeNet5(), path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "nets_of_a_user.py"
    path.write_text(SOURCE)
    return path


def test_a_skeleton_and_a_complete_model(weights: Path, tmp_path: Path):
    skeleton, complete = tmp_path / "model.ptl", tmp_path / "complete.ptl"
    args = ("export-mobile", "lenet5", "-o", skeleton, "--weights", weights, "--complete", complete)
    outcome = frformat(*args)
    assert (outcome.code, outcome.err) == (0, "")
    first, second, third = outcome.out.splitlines()
    assert (
        first
        == f"{skeleton}: {skeleton.stat().st_size:,} bytes, a skeleton of 8 tensors for PyTorch Mobile 1.12.2 and later"
    )
    total = skeleton.stat().st_size + weights.stat().st_size
    assert second == f"{weights}: {weights.stat().st_size:,} bytes, fits the model; together {total:,} bytes"
    assert third == f"{complete}: {complete.stat().st_size:,} bytes, with weights"
    assert skeleton.stat().st_size < 5000 < 4 * 431_080 < complete.stat().st_size
    assert "--force" in refused(*args)
    assert frformat(*args, "--force").code == 0


def test_json(weights: Path, tmp_path: Path):
    told = frformat("export-mobile", "lenet5", "-o", tmp_path / "m.ptl", "--weights", weights, "--json").json
    assert told["complete"] is None
    skeleton = told["skeleton"]
    assert skeleton["path"] == os.fspath(tmp_path / "m.ptl")
    assert skeleton["runtime"] == "1.12.2"
    assert skeleton["bytecode"] >= 4
    assert "aten::conv2d" in skeleton["operators"]
    assert skeleton["tensors"][0] == "conv1.weight"
    assert not skeleton["traced"]


@pytest.mark.parametrize("name", ["Net", "make", "net"])
def test_a_users_own_model(name: str, source: Path, tmp_path: Path):
    assert "2 tensors" in frformat("export-mobile", f"{source}:{name}", "-o", tmp_path / f"{name}.ptl").out


def test_a_model_that_must_be_traced(source: Path, tmp_path: Path):
    told = refused("export-mobile", f"{source}:Odd", "-o", tmp_path / "m.ptl")
    assert told.startswith("ENCODE: Odd cannot be scripted")
    assert ", traced" in frformat("export-mobile", f"{source}:Odd", "-o", tmp_path / "m.ptl", "--example", "1,3").out
    probe = frformat("export-mobile", f"{source}:Net", "-o", tmp_path / "p.ptl", "--example", "1,3", "--probe")
    assert ", traced" in probe.out


def test_misuse(weights: Path, source: Path, tmp_path: Path):
    out = tmp_path / "m.ptl"
    for args, fault in (
        (("alexnet", "-o", out), "neither one of unet, lenet5, resnet20"),
        ((f"{source}:wrong", "-o", out), "wrong makes a int, not a torch.nn.Module"),
        ((f"{source}:fails", "-o", out), "KeyError: 'weights'"),
        ((f"{source}:none", "-o", out), "there is no none"),
        ((f"{tmp_path}/none.py:Net", "-o", out), "none.py"),
        (("no.such.module:Net", "-o", out), "ModuleNotFoundError"),
        (("resnet20", "-o", out, "--weights", weights), "does not fit ResNet20"),
        (("lenet5", "-o", out, "--weights", tmp_path / "none.frz"), "No such file"),
        (("lenet5", "-o", out, "--complete", tmp_path / "c.ptl"), "--complete needs --weights"),
        (("lenet5", "-o", out, "--example", "1,x"), "'1,x' is not a shape"),
        (("lenet5", "-o", out, "--runtime", "0.4"), "no table of runtime '0.4'"),
        (("lenet5", "-o", out, "--probe"), "give an example"),
        (("lenet5", "-o", tmp_path / "none" / "m.ptl"), "there is no folder"),
    ):
        assert fault in refused("export-mobile", *args)
    assert not out.exists()
