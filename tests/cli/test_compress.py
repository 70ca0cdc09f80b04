from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

import frformat as frz
from frformat.cli.compress.data import Inputs
from tests.cli.command import frformat, refused

NET = """
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, size=6):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(F.relu(self.conv(x)).mean((2, 3)))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a network that distinguishes reddish, greenish and bluish squares, its weights, and sample squares."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    weights = np.zeros((8, 3, 3, 3), np.float32)
    weights[np.arange(3), np.arange(3)] = 1 / 9
    rng = np.random.default_rng(0)
    weights += rng.normal(0, 0.01, weights.shape).astype(np.float32)
    head = np.eye(3, 8, dtype=np.float32) * 9 + rng.normal(0, 0.1, (3, 8)).astype(np.float32)
    zeros = np.zeros(8, np.float32)
    np.savez("net.npz", **{"conv.weight": weights, "conv.bias": zeros, "head.weight": head, "head.bias": zeros[:3]})
    y = np.arange(90) % 3
    x = rng.uniform(0, 0.5, (90, 3, 8, 8)).astype(np.float32)
    x[np.arange(90), y] += 0.25
    np.savez("data.npz", x=x, y=y)
    for number in range(18):
        Path("pictures", str(y[number])).mkdir(parents=True, exist_ok=True)
        pixels = (255 * x[number]).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(Path("pictures", str(y[number]), f"{number}.png"))
    return tmp_path


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def test_weights_alone():
    outcome = frformat("compress", "net.npz", "-o", "net.frz", "--quality", "7")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["tensor", "shape", "coding", "bits", "bytes", "loss"]
    assert any(line.startswith("conv.weight  8×3×3×3  integers") for line in lines)
    size = Path("net.frz").stat().st_size
    dense = 4 * (8 * 3 * 3 * 3 + 8 + 3 * 8 + 3)
    assert lines[-1].startswith(f"net.frz: {size} bytes, ")
    assert f"× smaller than the input, {dense / size:.3g}× smaller than dense f32, loss 0.00" in lines[-1]
    assert frz.load_file("net.frz")["conv.weight"].shape == (8, 3, 3, 3)


def test_tensors_that_share_memory_are_kept_in_every_lossy_form():
    rows = torch.randn(1, 8, generator=torch.Generator().manual_seed(0)).expand(16, 8)
    torch.save({"rows": rows, "others": torch.randn(8, 8)}, "net.pt")
    for command in (["compress"], ["encode", "--format", "q8"], ["encode", "--keep", "50%"]):
        outcome = frformat(*command, "net.pt", "-o", "net.frz", "--force")
        assert outcome.code == 0
        assert (
            "rows: stored exactly, because elements share memory" in outcome.out or "rows is stored raw" in outcome.out
        )
        assert (frz.load_file("net.frz")["rows"] == rows.numpy()).all()


def test_standard_input_and_output():
    frformat("compress", "net.npz", "-o", "net.frz", "--quality", "7")
    before = files()
    command = [sys.executable, "-m", "frformat", "compress", "-", "-o", "-", "--quality", "7", "--json"]
    with open("net.npz", "rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    told = json.loads(done.stderr)
    assert frz.load_file("net.frz").keys() == frz.load(done.stdout).keys()
    assert (told["bytes"], told["file"]) == (len(done.stdout), "-")
    assert told["input"] == {"file": "-", "bytes": Path("net.npz").stat().st_size}
    assert files() == before


def test_the_input_can_be_a_folder():
    Path("model").mkdir()
    save_file(dict(np.load("net.npz")), "model/model.safetensors")
    told = json.loads(frformat("compress", "model", "-o", "net.frz", "--quality", "7", "--json").out)
    assert told["input"]["bytes"] == Path("model/model.safetensors").stat().st_size


def test_calibration_to_a_drop_with_a_plot_and_json():
    options = ["--model", "net.py:Net", "--data", "data.npz", "--calibrate", "40", "--max-drop", "4", "--plot", "a.svg"]
    told = frformat("compress", "net.npz", "-o", "net.frz", *options, "--json").json
    assert told["metric"]["name"] == "accuracy"
    assert told["metric"]["original"] - told["metric"]["value"] <= 4
    assert told["bytes"] == Path("net.frz").stat().st_size == told["curve"][0]["nbytes"] or len(told["curve"]) > 1
    assert {tensor["name"] for tensor in told["tensors"]} == {"conv.weight", "conv.bias", "head.weight", "head.bias"}
    assert Path("a.svg").read_text().startswith("<?xml")
    line = refused("compress", "net.npz", "-o", "new.frz", *options)
    assert line == "a.svg: IO: it exists; use --force to replace it"
    with frz.open("net.frz") as file:
        assert file.metadata["compress.bytes"] == str(told["bytes"])
        assert file.metadata["compress.metric"] == "accuracy"


def test_pictures_in_folders_have_labels():
    options = ["--model", "net.py:Net", "--data", "pictures", "--calibrate", "9", "--mirror"]
    told = frformat("compress", "net.npz", "-o", "net.frz", *options, "--json").json
    assert told["metric"]["name"] == "accuracy"
    assert told["metric"]["original"] > 60
    told = frformat("compress", "net.npz", "-o", "b.frz", *options[:3], "pictures/0", *options[4:], "--json").json
    assert told["metric"] == {"name": "", "original": None, "value": None}


def test_size_and_bits():
    options = ["--model", "net.py:Net", "--data", "data.npz"]
    assert frformat("compress", "net.npz", "-o", "a.frz", *options, "--size", "0.3kB").code == 0
    assert 250 < Path("a.frz").stat().st_size <= 300
    assert frformat("compress", "net.npz", "-o", "b.frz", *options, "--bits", "9").code == 0
    assert Path("b.frz").stat().st_size <= 9 * 251 / 8


def test_the_same_checkpoint_in_torch():
    with np.load("net.npz") as source:
        torch.save({name: torch.from_numpy(source[name]) for name in source}, "net.pt")
    options = ["--model", "net.py:Net", "--data", "data.npz", "--quality", "5"]
    assert frformat("compress", "net.pt", "-o", "a.frz", *options).code == 0
    assert frformat("compress", "net.npz", "-o", "b.frz", *options).code == 0
    assert Path("a.frz").read_bytes() == Path("b.frz").read_bytes()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--data data.npz", "USAGE: --data needs --model"),
        ("--max-drop 1", "USAGE: --max-drop needs --data"),
        ("--size 10", "ENCODE: no file of 10 bytes"),
        ("--quality 0", "ENCODE: quality 0.0 is not within"),
        ("--model net.py:Other", "ENCODE: net.py:Other: there is no Other"),
        ("--model resnet20", "ENCODE: net.npz does not fit resnet20: not in the model: conv.weight, conv.bias, head"),
        ("--model net.py:Net --data flat.npz --max-drop 1", "flat.npz: 3 inputs in one batch of 64; without labels"),
        ("--model net.py:Net --data nothing.npz", "nothing.npz: IO: No such file"),
        ("--model net.py:Net --data net.npz", "ENCODE: net.npz: it contains no array x, the model's inputs, but conv."),
        ("--model net.py:Net --data none.npz", "ENCODE: none.npz: x, of shape [0, 5], contains no inputs"),
        ("--model net.py:Net --data net.py", "net.py: READ: neither a folder nor an .npz file"),
        ("--model net.py:Net --data damaged.npz", "damaged.npz: READ: truncated or damaged: BadZipFile: "),
        (
            "--model net.py:Net --data one.npy",
            "one.npy: READ: neither a folder nor an .npz file; numpy.savez(path, x=inputs) writes one",
        ),
        ("--model net.py:Net --data empty", "ENCODE: empty: it contains no pictures"),
        ("--model net.py:Net --data mixed", "it has 5×4 pixels, but others have 8×8; all must have the same size"),
        ("--model net.py:Net --data broken", "not a complete JPEG or PNG image"),
        ("--model net.py:Net --data flat.npz", "Net fails on batch 0, [3, 5]: RuntimeError"),
        ("--model net.py:Net --data labels.npz", "y has type float64 and shape [3]; it must have one integer"),
        ("--model net.py:Net --data flat.npz --metric accuracy", "accuracy needs labels"),
        (
            "--model net.py:Net --data from-1.npz --calibrate 2 --max-drop 1",
            "ENCODE: 3 is not a class of the model, which returns 3 logits; classes are numbered from 0",
        ),
        (
            "--model net.py:Net --data data.npz --metric accuracy --max-drop 1",
            "calibration uses every input",
        ),
        ("--plot a.words", "a.words: use .png, .svg or .pdf"),
        ("--plot nowhere/a.png", "nowhere/a.png: IO: the folder nowhere does not exist"),
    ],
)
def test_impossible_requests_are_reported_in_one_line(options: str, reason: str):
    for name in ("empty", "mixed", "broken"):
        Path(name).mkdir()
    Image.new("RGB", (8, 8)).save("mixed/a.png")
    Image.new("RGB", (5, 4)).save("mixed/b.png")
    Path("broken/a.png").write_bytes(b"nothing")
    np.save("one.npy", np.zeros(3))
    Path("damaged.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    np.savez("none.npz", x=np.zeros((0, 5), np.float32))
    np.savez("from-1.npz", x=np.zeros((3, 3, 8, 8), np.float32), y=np.full(3, 3))
    np.savez("flat.npz", x=np.zeros((3, 5), np.float32))
    np.savez("labels.npz", x=np.zeros((3, 5), np.float32), y=np.zeros(3))
    before = files()
    assert reason in refused("compress", "net.npz", "-o", "net.frz", *options.split())
    assert files() - before <= {"__pycache__"}


def test_a_ruined_network_comes_with_a_warning():
    warning = "has probably ruined the network: allow a larger file"
    rng = np.random.default_rng(0)
    np.savez("noise.npz", **{f"w{number}": rng.normal(size=(16, 16)) for number in range(4)})
    least = int(refused("compress", "noise.npz", "-o", "out.frz", "--size", "1").split()[-1])
    assert frformat("compress", "noise.npz", "-o", "out.frz", "--size", str(least)).out.startswith(
        "a loss of 2 " + warning
    )
    told = json.loads(frformat("compress", "noise.npz", "-o", "out.frz", "--quality", "6", "--force", "--json").out)
    assert told["loss"] < 0.5
    assert not any(warning in note for note in told["notes"])


def test_the_entry_that_is_read_is_named():
    weights = {name: torch.from_numpy(array) for name, array in np.load("net.npz").items()}
    torch.save({"model": weights, "optimizer": {"state": {}}, "epoch": 3}, "run.pt")
    outcome = frformat("compress", "run.pt", "-o", "net.frz", "--quality", "7")
    assert outcome.out.splitlines()[0] == "read the entry 'model' of the file"


def test_an_existing_file_is_kept_without_force():
    Path("net.frz").write_text("mine")
    assert "use --force to replace it" in refused("compress", "net.npz", "-o", "net.frz")
    assert Path("net.frz").read_text() == "mine"
    assert frformat("compress", "net.npz", "-o", "net.frz", "--force").code == 0


@pytest.mark.parametrize("output", ["net.npz", "net.txt"])
def test_only_frz_files_are_written(output: str):
    before = files()
    assert "use .frz" in refused("compress", "net.npz", "-o", output, "--force")
    assert files() == before
    np.load("net.npz").close()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--metric accuracy", "--metric needs --data"),
        ("--mirror", "--mirror needs --data"),
        ("--calibrate 9", "--calibrate needs --data"),
        ("--outputs values", "--outputs needs --data"),
        ("--model net.py:Net --data data.npz --pixels mnist", "--pixels applies to a folder of pictures"),
        ("--model net.py:Net --data pictures --effort 2", "--effort needs --size or --bits"),
        ("--size 20kB --quality 6", "Pass only one of --size and --quality"),
    ],
)
def test_options_without_effect_are_refused(options: str, reason: str):
    outcome = frformat("compress", "net.npz", "-o", "out.frz", *options.split())
    assert outcome.code == 2
    assert reason in outcome.err
    assert not Path("out.frz").exists()


@pytest.mark.parametrize("seed", [-(1 << 63) - 1, 1 << 64, 10**30])
def test_any_integer_is_a_seed(seed: int):
    inputs = Inputs.read("data.npz", "unit")
    assert [len(each) for each in inputs.split(2, seed)] == [2, len(inputs) - 2]


def test_hidden_folders_are_not_classes():
    for name in (".cache", "__MACOSX"):
        Path("pictures", name).mkdir()
    Path("pictures", "0", "._0.png").write_bytes(b"x")
    options = ("--model", "net.py:Net", "--data", "pictures", "--calibrate", "6", "--quality", "9", "--json")
    found = json.loads(frformat("compress", "net.npz", "-o", "out.frz", *options).out)
    assert found["metric"]["original"] == 100
