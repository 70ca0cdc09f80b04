from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from frformat.torch import save_model
from frformat.train.models import LeNet5
from tests.cli.command import frformat, refused

TRAINED = Path(__file__).parents[2] / "examples" / "lenet5.frz"
FACTORED = ("lenet5", "--factored", "--weights", TRAINED)

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


def test_an_unusable_second_output_leaves_no_first_one(weights: Path, tmp_path: Path):
    args = ("export", "lenet5", "-o", tmp_path / "model.ptl", "--weights", weights, "--complete")
    (tmp_path / "there.ptl").write_text("other")
    for complete, message in {
        "there.ptl": "it exists; use --force to replace it",
        "none/x.ptl": "does not exist",
        "x.xyz": "no runtime has this extension",
        "model.ptl": "--complete needs a file of its own",
    }.items():
        assert message in refused(*args, tmp_path / complete)
        assert not (tmp_path / "model.ptl").exists()


def test_a_skeleton_and_a_complete_model(weights: Path, tmp_path: Path):
    skeleton, complete = tmp_path / "model.ptl", tmp_path / "complete.ptl"
    args = ("export", "lenet5", "-o", skeleton, "--weights", weights, "--complete", complete)
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


def test_a_factored_skeleton_agrees_with_the_desktop(weights: Path, tmp_path: Path):
    skeleton, complete = tmp_path / "factored.ptl", tmp_path / "complete.ptl"
    args = ("export", "lenet5", "-o", skeleton, "--weights", TRAINED, "--factored", "--example", "1,1,28,28")
    outcome = frformat(*args, "--complete", complete)
    assert (outcome.code, outcome.err) == (0, "")
    first, second, third = outcome.out.splitlines()
    size = skeleton.stat().st_size
    assert first == (
        f"{skeleton}: {size:,} bytes, a skeleton of 8 tensors, 1 as coefficients, for PyTorch Mobile 1.12.2 and later"
    )
    assert "fits the model" in second
    assert size < 10_000 < 4 * 431_080 < complete.stat().st_size
    assert "with weights" in third
    (tmp_path / "inputs").mkdir()
    np.save(tmp_path / "inputs" / "x.npy", np.random.default_rng(0).random((3, 1, 28, 28), np.float32))
    compare = ("compare", "lenet5", TRAINED, tmp_path / "inputs", "--phone", "lite", "--skeleton")
    outcome = frformat(*compare, skeleton)
    assert outcome.code == 0, outcome.err
    assert "runtime and desktop agree on 1 input: " in outcome.out
    told = refused(*(weights if arg is TRAINED else arg for arg in compare), skeleton)
    assert "the skeleton expects the coefficients of fc1.weight in a spectrum of [500, 50, 4, 4]" in told
    assert "the file stores it without coefficients; export the skeleton again with this file" in told
    assert "takes no weights" in refused(*compare, complete)


def test_json(weights: Path, tmp_path: Path):
    told = frformat("export", "lenet5", "-o", tmp_path / "m.ptl", "--weights", weights, "--json").json
    assert told["complete"] is None
    skeleton = told["skeleton"]
    assert skeleton["path"] == os.fspath(tmp_path / "m.ptl")
    assert (skeleton["runtime"], skeleton["release"]) == ("PyTorch Mobile", "1.12.2")
    assert skeleton["bytecode"] >= 4
    assert "aten::conv2d" in skeleton["operators"]
    assert skeleton["tensors"][0] == "conv1.weight"
    assert skeleton["coefficients"] == []
    assert not skeleton["traced"]


@pytest.mark.parametrize("name", ["Net", "make", "net"])
def test_a_users_own_model(name: str, source: Path, tmp_path: Path):
    assert "2 tensors" in frformat("export", f"{source}:{name}", "-o", tmp_path / f"{name}.ptl").out


def test_a_model_that_must_be_traced(source: Path, tmp_path: Path):
    told = refused("export", f"{source}:Odd", "-o", tmp_path / "m.ptl")
    assert told.startswith("ENCODE: Odd cannot be scripted")
    assert ", traced" in frformat("export", f"{source}:Odd", "-o", tmp_path / "m.ptl", "--example", "1,3").out
    probe = frformat("export", f"{source}:Net", "-o", tmp_path / "p.ptl", "--example", "1,3", "--probe")
    assert ", traced" in probe.out


def test_a_model_of_tokens(tmp_path: Path):
    source = tmp_path / "text.py"
    source.write_text("from torch import nn\nnet = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2))\n")
    args = ("export", f"{source}:net", "-o", tmp_path / "m.onnx", "--example")
    assert "3 tensors" in frformat(*args, "int64:2,7").out
    assert "choose one of float32" in refused(*args, "text:2,7", "--force")


def test_weights_are_inputs_of_a_skeleton_but_not_of_a_complete_model(weights: Path, tmp_path: Path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    skeleton, complete = tmp_path / "model.onnx", tmp_path / "complete.onnx"
    args = ("lenet5", "-o", skeleton, "--weights", weights, "--complete", complete, "--weights-as-inputs")
    told = frformat("export", *args)
    assert told.code == 0
    assert "inputs must satisfy: 0 not in x.shape; " in told.out
    names = [each.name for each in onnx.load_model_from_string(skeleton.read_bytes()).graph.input]
    assert names[:2] == ["x", "conv1.weight"]
    assert [each.name for each in onnx.load_model_from_string(complete.read_bytes()).graph.input] == ["x"]


def test_misuse(weights: Path, source: Path, tmp_path: Path):
    out = tmp_path / "m.ptl"
    for args, fault in (
        (("alexnet", "-o", out), "neither one of unet, lenet5, resnet20"),
        (("resnet2O", "-o", out), "did you mean 'resnet20'?"),
        (("nope.py:Net", "-o", out), "nope.py:Net: there is no file nope.py"),
        ((f"{source}:wrong", "-o", out), "wrong returns an object of type int, not torch.nn.Module"),
        ((f"{source}:fails", "-o", out), "nets_of_a_user.py, line 18: KeyError: weights"),
        ((f"{source}:none", "-o", out), "there is no none"),
        ((f"{tmp_path}/none.py:Net", "-o", out), "none.py"),
        (("no.such.module:Net", "-o", out), "no.such.module:Net: ModuleNotFoundError: No module named 'no'"),
        (("resnet20", "-o", out, "--weights", weights), "does not fit ResNet20: not in the model: "),
        (("resnet20", "-o", out, "--weights", weights), "; missing from the file: "),
        (("lenet5", "-o", out, "--weights", tmp_path / "none.frz"), "No such file"),
        (("lenet5", "-o", out, "--complete", tmp_path / "c.ptl"), "--complete needs --weights"),
        (("lenet5", "-o", out, "--base", weights), "--base needs --weights"),
        (("lenet5", "-o", out, "--tier", "0"), "--tier needs --weights"),
        (("lenet5", "-o", out, "--factored", "--example", "1,1,28,28"), "--factored needs --weights"),
        (("lenet5", "-o", out, "--factored", "--weights", TRAINED), "--example with the shape"),
        ((*FACTORED, "-o", out, "--example", "1,1,28,28", "--probe"), "omit --probe"),
        (("lenet5", "-o", out, "--prefer", "memory"), "--prefer needs --factored"),
        ((*FACTORED, "-o", out, "--example", "1,3,28,28"), "LeNet5 does not run on the example"),
        ((*FACTORED, "-o", out, "--example", "1,1,28,28", "--tier", "3"), "tier 3 of 1"),
        (("lenet5", "-o", out, "--example", "1,x"), "'1,x' is not a shape"),
        (("lenet5", "-o", out, "--example", f"1,{1 << 63}"), "not enough memory for shape 1,9223372036854775808"),
        (("lenet5", "-o", out, "--example", f"1,{1 << 60}"), "not enough memory for shape 1,1152921504606846976"),
        (("lenet5", "-o", out, "--release", "0.4"), "no table for runtime '0.4'"),
        (("lenet5", "-o", tmp_path / "m.tgz"), "no runtime has this extension; choose one of .onnx"),
        (("lenet5", "-o", tmp_path / "m.onnx", "--probe"), "--probe does not apply to .onnx files"),
        (("lenet5", "-o", out, "--fixed"), "--fixed does not apply to .ptl files"),
        (("lenet5", "-o", out, "--weights-as-inputs"), "--weights-as-inputs does not apply to .ptl files"),
        (
            ("lenet5", "-o", out, "--probe"),
            "a probe needs a trace; pass an example input (on the command line, --example)",
        ),
        (("lenet5", "-o", tmp_path / "none" / "m.ptl"), "does not exist"),
    ):
        assert fault in refused("export", *args)
    assert not out.exists()
