from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import frformat
from frformat import EncodeError, FrzError, Spectrum, checkpoints
from frformat.checkpoints import Checkpoint, frz
from tests.checkpoints.test_safetensors import checkpoint

SPECTRUM = Spectrum(np.array([4, 2, 1], np.float32), (20, 30), dtype="f16")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    frformat.save_file(
        {"w": SPECTRUM, "b": np.arange(3)}, tmp_path / "file.frz", metadata={"a": "b"}, aliases={"tied": "w"}, tiers=[1]
    )
    return tmp_path / "file.frz"


def test_frz_files_are_checkpoints_of_spectra(path: Path, tmp_path: Path):
    with checkpoints.load(path) as found:
        assert (found.aliases, found.metadata) == ({"tied": "w"}, {"a": "b"})
        assert found.entries["w"].kind == "spectrum"
        assert isinstance(found["w"], Spectrum)
        frformat.save_file(found, tmp_path / "again.frz", aliases=found.aliases, metadata=found.metadata, tiers=[1])
    assert (tmp_path / "again.frz").read_bytes() == path.read_bytes()


def test_frz_files_can_be_read_as_weights(path: Path):
    with frz.load(path, spectral=False, tier=0) as found:
        np.testing.assert_array_equal(found["w"], SPECTRUM.truncated(1).weights())
    with frz.load(path, spectral=False, memory_budget=7000) as found:
        assert found["b"].tolist() == [0, 1, 2]
        with pytest.raises(FrzError, match="BUDGET: this needs"):
            found["w"]


def test_delta_files_are_refused_before_a_tensor_is_read(path: Path, tmp_path: Path):
    weights = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    frformat.save_file({"w": weights}, tmp_path / "old.frz")
    frformat.save_file({"w": weights}, tmp_path / "delta.frz", base=tmp_path / "old.frz")
    with pytest.raises(FrzError, match=r"delta.frz: BASE: .* delta file: convert it with `frformat decode --base`"):
        checkpoints.load(tmp_path / "delta.frz")
    with frz.of(frformat.open(tmp_path / "delta.frz", base=tmp_path / "old.frz"), spectral=True) as found:
        np.testing.assert_array_equal(found["w"], weights)


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pt"])
def test_the_file_is_closed_and_weights_are_written_to_all_formats(path: Path, suffix: str):
    target = path.with_suffix(f".{suffix}")
    with frz.load(path, spectral=False) as found:
        checkpoints.save(found, target)
    with pytest.raises(ValueError, match="closed"):
        found["w"]
    back = checkpoints.load(target)
    assert set(back.entries) | set(back.aliases) == {"w", "b", "tied"}
    np.testing.assert_array_equal(back["w"], SPECTRUM.weights())
    assert back["w"].dtype == np.float16


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pt"])
def test_ties_survive_in_all_formats(path: Path, suffix: str):
    target = path.with_suffix(f".{suffix}")
    with frz.load(path, spectral=False) as found:
        notes = checkpoints.save(found, target)
    assert notes == ([] if suffix == "safetensors" else [f"metadata was left out: .{suffix} files have none"])
    with checkpoints.load(target) as back:
        assert (set(back), back.aliases) == ({"w", "b"}, {"tied": "w"})
        assert back.metadata == ({"a": "b"} if suffix == "safetensors" else {})


def test_spectra_are_rebuilt_for_formats_without_sparse_tensors(path: Path):
    with checkpoints.load(path) as found:
        checkpoints.save(found, path.with_suffix(".npz"))
    np.testing.assert_array_equal(checkpoints.load(path.with_suffix(".npz"))["w"], SPECTRUM.weights())


@pytest.mark.parametrize("name", ["file.onnx", "file", "file.frz"])
def test_other_extensions_cannot_be_written(tmp_path: Path, name: str):
    with pytest.raises(EncodeError, match=r"cannot write .*; use one of .safetensors, .npz, .pt, .pth"):
        checkpoints.save(checkpoint({}), tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"GGUF", bytes(100), b"PK\x05\x06" + bytes(18)])
def test_other_files_cannot_be_read(tmp_path: Path, data: bytes):
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    with pytest.raises(EncodeError, match=r"file.bin: not an .frz, .safetensors, .npz or PyTorch file"):
        checkpoints.load(path)


def test_entries_are_for_pytorch_files(path: Path):
    with pytest.raises(EncodeError, match="only PyTorch files have entries"):
        checkpoints.load(path, entry="model")


def test_file_types_do_not_depend_on_names(tmp_path: Path):
    np.savez(tmp_path / "file.npz", a=np.ones(2))
    (tmp_path / "file.npz").rename(tmp_path / "file.safetensors")
    assert checkpoints.load(tmp_path / "file.safetensors")["a"].tolist() == [1, 1]


def test_other_archives_are_refused(tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        archive.writestr("readme.txt", "text")
    with pytest.raises(EncodeError, match=r"a zip archive, but neither an .npz nor a PyTorch file"):
        checkpoints.load(tmp_path / "file.zip")


def test_empty_checkpoints_are_accepted(tmp_path: Path):
    for suffix in ("safetensors", "npz"):
        checkpoints.save(Checkpoint({}), tmp_path / f"file.{suffix}")
    assert len(checkpoints.load(tmp_path / "file.safetensors")) == 0


def test_torch_is_imported_only_for_pytorch_files(tmp_path: Path):
    np.savez(tmp_path / "a.npz", a=np.ones(2))
    program = """
import sys
from frformat import checkpoints
checkpoints.save(checkpoints.load("a.npz"), "a.safetensors")
checkpoints.load("a.safetensors")
assert "torch" not in sys.modules
sys.modules["torch"] = None
try:
    checkpoints.save(checkpoints.load("a.npz"), "a.pt")
except ImportError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert out.stdout == "a PyTorch file needs PyTorch: pip install torch\n"


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pt", "frz"])
def test_bytes_and_open_files_are_sources(path: Path, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with frz.load(path, spectral=False) as found:
        if suffix != "frz":
            checkpoints.save(found, path.with_suffix(f".{suffix}"))
    data = path.with_suffix(f".{suffix}").read_bytes()
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for source in (data, bytearray(data), io.BytesIO(data)):
        with checkpoints.load(source) as found:
            assert len(list(folder.iterdir())) == 1
            assert found.size == len(data)
            for name, entry in found.entries.items():
                assert entry.array().tolist() == frformat.load_file(path)[name].tolist()
        assert list(folder.iterdir()) == []
    with pytest.raises(EncodeError, match=r"^what it is called: not an .frz"):
        checkpoints.load(b"nothing", name="what it is called")
    assert list(folder.iterdir()) == []


def test_a_pipe_is_a_source(tmp_path: Path):
    np.savez(tmp_path / "a.npz", a=np.ones(2))
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_bytes((tmp_path / "a.npz").read_bytes()))
    writer.start()
    with checkpoints.load(tmp_path / "fifo") as found:
        assert found["a"].tolist() == [1, 1]
    writer.join()


def test_the_format_can_differ_from_the_extension(path: Path, tmp_path: Path):
    with checkpoints.load(path) as found:
        checkpoints.save(found, tmp_path / "x", kind="npz")
    assert set(np.load(tmp_path / "x")) == {"w", "b", "tied"}
