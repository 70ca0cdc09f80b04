from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.torch
import torch

import frformat as frz
from frformat import PerTier, Spectrum, checkpoints
from tests.cli.command import frformat, refused
from tests.train.data import data_file

SPECTRUM = Spectrum(np.arange(1, 34, dtype=np.float32), (64, 32, 3, 3))
TENSORS = {"w": SPECTRUM, "half": np.ones((3, 3), ml_dtypes.bfloat16), "steps": np.array(7)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a separate folder for each test, with one file in it."""
    monkeypatch.chdir(tmp_path)
    frz.save_file(TENSORS, "model.frz", aliases={"tied": "w"}, tiers=[9], metadata={"licence": "MIT"})
    return tmp_path


def read(path: str) -> dict[str, np.ndarray]:
    if path.endswith(".npz"):
        with np.load(path) as found:
            return dict(found)
    found = safetensors.torch.load_file(path) if path.endswith("safetensors") else torch.load(path, weights_only=True)
    return {name: tensor.to(torch.float32).numpy() for name, tensor in found.items()}


@pytest.mark.parametrize("output", ["out.safetensors", "out.npz", "out.pt", "out.PTH"])
def test_ordinary_weights_survive(output: str):
    outcome = frformat("decode", "model.frz", "-o", output)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1].startswith(f"{output}: 4 tensors, {os.path.getsize(output):,} bytes from ")
    found = read(output)
    assert set(found) == {"w", "tied", "half", "steps"}
    np.testing.assert_array_equal(found["w"], SPECTRUM.weights())
    np.testing.assert_array_equal(found["tied"], SPECTRUM.weights())
    assert found["half"].tolist() == np.ones((3, 3)).tolist()
    assert found["steps"] == 7


def test_metadata_and_types_survive_in_safetensors():
    frformat("decode", "model.frz", "-o", "out.safetensors")
    assert safetensors.torch.load_file("out.safetensors")["half"].dtype == torch.bfloat16
    with safetensors.safe_open("out.safetensors", framework="pt") as file:
        assert file.metadata() == {"licence": "MIT", "tied": "w"}


def test_changes_are_reported():
    outcome = frformat("decode", "model.frz", "-o", "out.npz")
    assert outcome.out.splitlines()[0] == "bf16 was written as f32 without loss: .npz does not support it"


def test_json():
    found = frformat("decode", "model.frz", "-o", "out.npz", "--json").json
    assert (found["file"], found["bytes"], found["tensor_count"]) == ("out.npz", os.path.getsize("out.npz"), 4)
    assert found["input"] == {"file": "model.frz", "bytes": os.path.getsize("model.frz")}
    assert found["tier"] == 1
    assert found["notes"] == [
        "bf16 was written as f32 without loss: .npz does not support it",
        "metadata was left out: .npz files have none",
    ]


def test_a_tier_is_a_smaller_model():
    assert frformat("decode", "model.frz", "-o", "out.npz", "--tier", "0").code == 0
    np.testing.assert_array_equal(read("out.npz")["w"], SPECTRUM.truncated(9).weights())


def test_per_tier_tensors_are_decoded():
    means = np.arange(9, dtype=np.float32).reshape(3, 3)
    frz.save_file(TENSORS | {"m": PerTier(list(means))}, "tiers.frz", tiers=[3, 9])
    for tier, expected in enumerate(means):
        frformat("decode", "tiers.frz", "-o", f"{tier}.npz", "--tier", str(tier))
        found = read(f"{tier}.npz")
        assert set(found) == {"w", "half", "steps", "m"}
        assert found["m"].tolist() == expected.tolist()
    frformat("decode", "tiers.frz", "-o", "tiers.safetensors")
    assert frformat("diff", "tiers.frz", "tiers.safetensors").code == 0


def test_spectra_survive_unchanged():
    assert frformat("decode", "model.frz", "-o", "out.pt", "--spectral").code == 0
    assert torch.load("out.pt", weights_only=True)["w"].layout == torch.sparse_coo
    frformat("encode", "out.pt", "-o", "again.frz", "--rule", "w: spectral", "--tiers", "9", "-m", "licence=MIT")
    frformat("encode", "model.frz", "-o", "same.frz", "--tiers", "9")
    assert Path("again.frz").read_bytes() == Path("same.frz").read_bytes()
    line = refused("decode", "model.frz", "-o", "out.npz", "--spectral")
    assert line == "ENCODE: out.npz: --spectral writes sparse tensors, which only .pt files can contain"


def test_a_pipe_can_be_read():
    with open("model.frz", "rb") as source:
        command = [sys.executable, "-m", "frformat", "decode", "-", "-o", "out.npz"]
        done = subprocess.run(command, stdin=source, capture_output=True, check=False)
    assert done.returncode == 0
    assert "w" in read("out.npz")


def test_existing_files_are_kept_without_force():
    Path("out.npz").write_bytes(b"precious")
    assert refused("decode", "model.frz", "-o", "out.npz") == "out.npz: IO: it exists; use --force to replace it"
    assert Path("out.npz").read_bytes() == b"precious"
    assert frformat("decode", "model.frz", "-o", "out.npz", "--force").code == 0


@pytest.mark.parametrize("output", ["out.npz", "out.safetensors", "out.pt"])
def test_a_damaged_file_is_reported_in_one_line_and_leaves_nothing(folder: Path, output: str):
    data = bytearray(Path("model.frz").read_bytes())
    data[-5] ^= 1
    Path("model.frz").write_bytes(data)
    line = refused("decode", "model.frz", "-o", output)
    assert line.startswith("model.frz: CHECKSUM: a segment is damaged")
    assert [entry.name for entry in folder.iterdir()] == ["model.frz"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("missing.frz", "-o", "out.npz"), "missing.frz: IO: No such file or directory"),
        (("model.frz", "-o", "out.onnx"), "ENCODE: out.onnx: cannot write .onnx; use one of .safetensors, .npz"),
        (("model.frz", "-o", "out.npz", "--tier", "5"), "model.frz: TIER: tier 5 of 2 was requested"),
        (("model.frz", "-o", "out.npz", "--memory-budget", "10kB"), "model.frz: BUDGET: this needs"),
        (
            ("model.frz", "-o", "out.npz", "--memory-budget", "1kB"),
            "model.frz: BUDGET: opening takes more than the memory budget of 1,000 bytes",
        ),
        (("model.frz", "-o", "out.npz", "--memory-budget", "100B"), "model.frz: BUDGET: the directory needs "),
        (("model.frz", "-o", "out.pt", "--memory-budget", "100kB"), "model.frz: BUDGET: a .pt file is built in memory"),
        (("model.frz", "-o", "nowhere/out.npz"), "nowhere/out.npz: IO: the folder nowhere does not exist"),
        (("model.frz",), "USAGE: Missing option '-o'"),
    ],
)
def test_mistakes_are_reported_in_one_line_and_leave_nothing(folder: Path, arguments: tuple[str, ...], line: str):
    assert refused("decode", *arguments).startswith(line)
    assert [entry.name for entry in folder.iterdir()] == ["model.frz"]


def test_output_that_cannot_fit_on_the_disk_is_refused_before_rebuilding(folder: Path):
    """A file of a hundred bytes can describe terabytes of weights."""
    terabyte = Spectrum(np.ones(1, np.float32), (1 << 20, 1 << 20))
    frz.save_file({f"t{i}": replace(terabyte) for i in range(9)}, "bomb.frz")
    line = refused("decode", "bomb.frz", "-o", "out.npz", "--memory-budget", "9000000GB")
    assert line.startswith("out.npz: IO: the tensors take ")
    assert sorted(entry.name for entry in folder.iterdir()) == ["bomb.frz", "model.frz"]


def test_torch_is_not_imported_for_other_files():
    program = "import sys; from frformat.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", program, "decode", "model.frz", "-o", "out.npz"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_the_published_unet_survives_a_round_trip():
    source = data_file("unet_fr/unet_fr.pt")
    frformat("encode", source, "-o", "unet.frz")
    frformat("decode", "unet.frz", "-o", "unet.pt", "--spectral")
    before = torch.load(source, weights_only=True)
    after = torch.load("unet.pt", weights_only=True)
    assert list(before) == list(after)
    assert all(torch.equal(tensor.to_dense(), after[name].to_dense()) for name, tensor in before.items())


@pytest.mark.parametrize("kind", ["safetensors", "npz", "pt"])
def test_standard_output(kind: str):
    frformat("decode", "model.frz", "-o", f"out.{kind}")
    command = [sys.executable, "-m", "frformat", "decode", "model.frz", "-o", "-", "--to", kind]
    done = subprocess.run(command, capture_output=True, check=True)
    with checkpoints.load(done.stdout) as piped, checkpoints.load(f"out.{kind}") as written:
        assert {name: value.tobytes() for name, value in piped.items()} == {
            name: value.tobytes() for name, value in written.items()
        }
    assert b"-: 4 tensors, " in done.stderr
    assert "USAGE: -o - needs --to" in refused("decode", "model.frz", "-o", "-")
