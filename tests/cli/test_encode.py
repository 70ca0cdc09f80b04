from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

import frformat as frz
from frformat import Spectrum
from tests.cli.command import frformat, refused
from tests.train.data import data_file

RNG = np.random.default_rng(4)
SMOOTH = Spectrum(np.arange(1, 34, dtype=np.float32), (64, 32, 3, 3)).weights()
NOISE = RNG.standard_normal((50, 40)).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a separate folder for each test, with one checkpoint in it."""
    monkeypatch.chdir(tmp_path)
    np.savez("model.npz", smooth=SMOOTH, noise=NOISE, bias=NOISE[0], steps=np.array(7))
    return tmp_path


def only_the_input_is_there(folder: Path) -> bool:
    return [entry.name for entry in folder.iterdir()] == ["model.npz"]


def test_lossless_by_default():
    outcome = frformat("encode", "model.npz", "-o", "model.frz", "--verify")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0].startswith("4 tensors stored exactly, ")
    assert outcome.out.splitlines()[1].startswith(f"model.frz: {os.path.getsize('model.frz'):,} bytes, ")
    back = frz.load_file("model.frz")
    with np.load("model.npz") as source:
        assert all(back[name].tobytes() == source[name].tobytes() for name in source)


def test_a_table_shows_how_each_matrix_is_stored():
    outcome = frformat("encode", "model.npz", "-o", "model.frz", "--energy", "100%")
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["tensor", "shape", "kept", "values", "energy", "error", "bytes", "bits"]
    row = next(line for line in lines if line.startswith("smooth")).split()
    assert row[1] == "64×32×3×3"
    assert int(row[2]) <= 33
    assert "noise is stored raw: " in outcome.out
    assert " coefficients would save almost nothing\n" in outcome.out
    assert "3 tensors stored exactly" in outcome.out


def test_json_contains_the_same_and_more():
    found = frformat("encode", "model.npz", "-o", "model.frz", "--keep", "33", "-m", "licence=MIT", "--json").json
    assert found["input"] == {"file": "model.npz", "bytes": os.path.getsize("model.npz")}
    assert found["bytes"] == os.path.getsize("model.frz")
    assert found["metadata"] == {"licence": "MIT"}
    assert [tensor["name"] for tensor in found["tensors"]] == ["smooth", "noise", "bias", "steps"]
    smooth = found["tensors"][0]
    assert (smooth["coding"], smooth["kept"], smooth["note"]) == ("dct", [33], "")
    assert smooth["energy"] == pytest.approx(1)
    assert smooth["error"] < 1e-6


def test_rules_formats_tiers_and_compression_reach_the_file():
    options = ("--rule", "smooth: keep=20 format=q8 view=64,288", "--rule", "bias: keep=3", "--format", "bf16")
    outcome = frformat(
        "encode", "model.npz", "-o", "model.frz", *options, "--tiers", "2,50%", "--compression", "none", "--keep", "9"
    )
    assert outcome.code == 0
    assert any("view" in line for line in outcome.out.splitlines()[:3])
    with frz.open("model.frz") as file:
        smooth, bias, noise = (file.info(name) for name in ("smooth", "bias", "noise"))
    assert (smooth.kept, smooth.format, smooth.view) == ((2, 10, 20), None, (64, 288))
    assert smooth.step is not None
    assert (bias.kept, bias.format, bias.coder) == ((2, 2, 3), "bf16", "none")
    assert (noise.kept, noise.format) == ((2, 5, 9), "bf16")


@pytest.mark.parametrize("suffix", ["pt", "safetensors", "npz", "frz"])
def test_all_input_formats_yield_the_same_file(suffix: str):
    with np.load("model.npz") as source:
        tensors = dict(source)
    if suffix == "pt":
        torch.save({name: torch.from_numpy(array) for name, array in tensors.items()}, "copy.pt")
    elif suffix == "safetensors":
        safetensors.numpy.save_file(tensors, "copy.safetensors")
    else:
        frformat("encode", "model.npz", "-o", "copy.frz")
        np.savez("copy.npz", **tensors)
    assert frformat("encode", f"copy.{suffix}", "-o", "model.frz", "--keep", "10").code == 0
    back = frz.load_file("model.frz")
    np.testing.assert_array_equal(back["smooth"], Spectrum.of(SMOOTH, 10).weights())
    assert back["steps"].shape == ()


def test_the_published_unet_in_two_commands():
    source = data_file("unet_fr/unet_fr.pt")
    outcome = frformat("encode", source, "-o", "unet.frz", "--verify")
    assert outcome.out.startswith(
        "treated as DCT spectra: 23 of 23 tensors, whose nonzero elements fill the first 33 positions"
    )
    assert os.path.getsize("unet.frz") <= 1650
    assert frformat("encode", source, "-o", "small.frz", "--format", "step=0.1875").code == 0
    assert os.path.getsize("small.frz") <= 980


def test_options_without_effect_are_reported():
    told = refused("encode", "model.npz", "-o", "model.frz", "--format", "q8", "--tiers", "3")
    assert "tiers apply to spectra, but there are none: say how much to keep" in told
    np.savez("bias.npz", bias=NOISE[0], steps=np.array(7))
    outcome = frformat("encode", "bias.npz", "-o", "bias.frz", "--format", "q8")
    assert outcome.out.startswith(
        "--format applies to spectra and to float tensors of rank 2 or more, but there are none"
    )


def test_weights_are_rounded_without_a_transform():
    outcome = frformat("encode", "model.npz", "-o", "model.frz", "--format", "q8", "--verify")
    assert outcome.code == 0
    row = next(line for line in outcome.out.splitlines() if line.startswith("noise"))
    assert "offsets on axis 0" in row
    assert "2 tensors stored exactly" in outcome.out
    back = frz.load_file("model.frz")
    for name, array in (("noise", NOISE), ("smooth", SMOOTH)):
        largest = np.abs(array).reshape(len(array), -1).max(axis=1)
        error = np.abs(back[name] - array).reshape(len(array), -1).max(axis=1)
        assert (error <= largest / 127).all()
    again = frformat("encode", "model.frz", "-o", "again.frz", "--verify")
    assert "2 tensors stored in the form of the input" in again.out
    assert Path("again.frz").read_bytes() == Path("model.frz").read_bytes()


def test_spectra_can_be_declared_or_denied():
    tensor = torch.sparse_coo_tensor([[0, 0, 1], [0, 1, 0]], [3.0, 2.0, 1.0], (50, 40), check_invariants=True)
    torch.save({"w": tensor}, "sparse.pt")
    for options, spectral in (((), False), (("--spectral",), True), (("--no-spectral",), False)):
        frformat("encode", "sparse.pt", "-o", "model.frz", "--force", *options)
        with frz.open("model.frz") as file:
            assert file.info("w").spectral is spectral


def test_the_file_can_be_its_own_input():
    frformat("encode", "model.npz", "-o", "model.frz")
    assert frformat("encode", "model.frz", "-o", "model.frz", "--force", "--keep", "5").code == 0
    with frz.open("model.frz") as file:
        assert file.info("noise").kept == (5,)


def test_existing_files_are_kept_without_force():
    Path("model.frz").write_bytes(b"precious")
    assert refused("encode", "model.npz", "-o", "model.frz") == "model.frz: IO: it exists; use --force to replace it"
    assert Path("model.frz").read_bytes() == b"precious"
    assert frformat("encode", "model.npz", "-o", "model.frz", "--force").code == 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--keep", "many"),
            "ENCODE: keep='many' is neither a number of coefficients such as 100 nor a share such as 25%",
        ),
        (("--keep", "1", "--energy", "1"), "ENCODE: keep, energy and max-error are mutually exclusive"),
        (("--rule", "fc: keep=1"), "ENCODE: the rule for 'fc' matches no tensor; the names are smooth, noise, bias …"),
        (("--rule", "keep=1"), "ENCODE: rule 'keep=1' is not of the form 'PATTERN: WORDS'"),
        (("--format", "q99"), "ENCODE: format 'q99' is not one of"),
        (("--compression", "lzma"), "ENCODE: compression 'lzma' is not one of"),
        (("--tiers", "10,x"), "ENCODE: tier 'x' is neither"),
        (("--tiers", "150%"), "ENCODE: tier '150%' is neither"),
        (("-m", "licence"), "ENCODE: metadata 'licence' is not of the form KEY=TEXT"),
        (("-m", "by=me", "-m", "by=you"), "ENCODE: metadata 'by' is given twice"),
        (("--entry", "model"), "model.npz: READ: only PyTorch files have entries"),
        (("--keep",), "USAGE: Option '--keep' requires an argument"),
    ],
)
def test_mistaken_options_are_reported_in_one_line_and_leave_nothing(folder: Path, options: tuple[str, ...], line: str):
    assert refused("encode", "model.npz", "-o", "model.frz", *options).startswith(line)
    assert only_the_input_is_there(folder)


def bad(name: str, data: bytes) -> str:
    Path(name).write_bytes(data)
    return name


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 1",)


def bad_inputs() -> dict[str, str]:
    """Write files that cannot be encoded; return the start of the error message about each."""
    np.savez("nan.npz", w=np.full((4, 4), np.nan))
    np.savez("control.npz", **{"a\nb": np.ones(1)})
    torch.save(Bomb(), "code.pt")
    torch.save({"w": torch.ones(1), "v": torch.ones(1, dtype=torch.complex32)}, "half.pt")
    safetensors.numpy.save_file({"w": np.ones(9)}, "whole.safetensors")
    whole = Path("whole.safetensors").read_bytes()
    torch.save({"module.w": torch.ones(1)}, "whole.pt")
    return {
        "missing.pt": "missing.pt: IO: No such file or directory",
        ".": ".: READ: the folder contains none of model.safetensors",
        bad("magic.frz", b"not a checkpoint"): "magic.frz: READ: not an .frz, .safetensors, .npz or PyTorch file",
        bad("empty.pt", b""): "empty.pt: READ: not an .frz",
        bad("cut.safetensors", whole[:-1]): "cut.safetensors: READ: not a valid safetensors file: it should have",
        bad(
            "cut.pt", Path("whole.pt").read_bytes()[:-30]
        ): "cut.pt: READ: a damaged zip archive (.npz or PyTorch file)",
        bad("cut.frz", b"\x89FRZ\x01\x00"): "cut.frz: TRUNCATED: the file ends within its header",
        "code.pt": "code.pt: READ: loading it requires the code of posix.system, but code from a file is never run",
        "half.pt": "half.pt: READ: tensor 'v': dtype torch.complex32 has no counterpart",
        "nan.npz": "ENCODE: tensor 'w': a weight is not finite",
        "control.npz": "ENCODE: ",
    }


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_bad_inputs_are_reported_in_one_line_and_leave_nothing(folder: Path):
    for name, line in bad_inputs().items():
        assert refused("encode", name, "-o", "out.frz", "--keep", "5").startswith(line)
    assert not [entry for entry in folder.iterdir() if "out.frz" in entry.name]


def test_errors_are_json_on_request():
    outcome = frformat("encode", "missing.pt", "-o", "out.frz", "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "IO"
    assert outcome.json["error"]["file"] == "missing.pt"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("out.npz", "ENCODE: out.npz: cannot write .npz; use .frz"),
        ("out", "ENCODE: out: cannot write a file without an extension; use .frz"),
        ("", "IO: the name of the output file is empty"),
        ("nowhere/out.frz", "nowhere/out.frz: IO: the folder nowhere does not exist"),
        (".", ".: IO: it is not a regular file, so it cannot be replaced"),
        ("/dev/null", "/dev/null: IO: it is not a regular file, so it cannot be replaced"),
    ],
)
def test_bad_outputs_are_reported_in_one_line(output: str, line: str):
    assert refused("encode", "model.npz", "-o", output) == line


@pytest.mark.parametrize("output", [".", "/dev/null"])
def test_only_regular_files_can_be_replaced(output: str):
    line = f"{output}: IO: it is not a regular file, so it cannot be replaced"
    assert refused("encode", "model.npz", "-o", output, "--force") == line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_read_only_folders_are_reported_in_one_line(folder: Path):
    folder.chmod(0o555)
    try:
        assert refused("encode", "model.npz", "-o", "out.frz") == "out.frz: IO: the folder . is not writable"
    finally:
        folder.chmod(0o755)


def test_a_full_disk_is_reported_in_one_line_and_leaves_nothing(folder: Path):
    """A limit on file sizes simulates a full disk."""
    np.savez("large.npz", w=RNG.standard_normal((1000, 1000)))
    before = sorted(folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "frformat", "encode", "large.npz", "-o", "out.frz"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "frformat: out.frz: IO: File too large\n"
    assert sorted(folder.iterdir()) == before


def test_torch_is_not_imported_for_other_files():
    program = "import sys; from frformat.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", program, "encode", "model.npz", "-o", "out.frz"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_standard_input_and_output():
    frformat("encode", "model.npz", "-o", "model.frz")
    command = [sys.executable, "-m", "frformat", "encode", "-", "-o", "-", "--json"]
    with open("model.npz", "rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    assert done.stdout == Path("model.frz").read_bytes()
    told = json.loads(done.stderr)
    assert (told["input"]["file"], told["input"]["bytes"]) == ("-", Path("model.npz").stat().st_size)
    assert told["file"] == "-"
    nothing = subprocess.run(command[:-1], input=b"x", capture_output=True, check=False)
    assert (nothing.returncode, nothing.stdout) == (2, b"")
    assert nothing.stderr.startswith(b"frformat: -: READ: not an .frz")


def test_a_base_that_saves_nothing_is_reported(tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in ("old", "new"):
        np.savez(tmp_path / f"{name}.npz", w=rng.normal(size=(64, 64)).astype("f4"))
    base = tmp_path / "old.frz"
    assert frformat("encode", tmp_path / "old.npz", "-o", base).code == 0
    delta = frformat("encode", tmp_path / "old.npz", "-o", tmp_path / "a.frz", "--base", base)
    assert "needs no base" not in delta.out
    whole = frformat("encode", tmp_path / "new.npz", "-o", tmp_path / "b.frz", "--base", base)
    assert f"no tensor is smaller as a difference from {base}: the new file is complete and needs no base" in whole.out
    assert frformat("decode", tmp_path / "b.frz", "-o", tmp_path / "b.npz").code == 0
