from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from frformat import open as open_frz
from frformat.format.writer import save_file
from tests.cli.command import frformat, refused
from tests.runtimes.template.synthetic import merged, runtime_file, save, template, tensors


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """Return the paths of a template and of weights that fit it."""
    (tmp_path / "model.frt").write_bytes(template())
    return tmp_path / "model.frt", save(tmp_path / "model.frz", tensors())


def test_the_filled_file_is_complete(parts: tuple[Path, Path], tmp_path: Path):
    expected = runtime_file(merged(tensors()))
    outcome = frformat("fill", *parts, "-o", tmp_path / "model.tflite")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{tmp_path / 'model.tflite'}: {len(expected)} bytes\n"
    assert (tmp_path / "model.tflite").read_bytes() == expected
    assert "it exists; use --force" in refused("fill", *parts, "-o", tmp_path / "model.tflite")
    told = frformat("fill", *parts, "-o", tmp_path / "model.tflite", "--force", "--json").json
    assert told == {"file": str(tmp_path / "model.tflite"), "bytes": len(expected)}


def test_a_delta_file_needs_its_base(parts: tuple[Path, Path], tmp_path: Path):
    new, delta = tensors(1), tmp_path / "delta.frz"
    with open_frz(parts[1]) as base:
        save_file(new, delta, base=base)
    out = tmp_path / "model.tflite"
    assert "base" in refused("fill", parts[0], delta, "-o", out)
    assert not out.exists()
    assert frformat("fill", parts[0], delta, "--base", parts[1], "-o", out).code == 0
    assert out.read_bytes() == runtime_file(merged(new))


def test_faults_leave_no_file(parts: tuple[Path, Path], tmp_path: Path):
    out, damaged = tmp_path / "model.tflite", tmp_path / "damaged.frt"
    damaged.write_bytes(parts[0].read_bytes()[:-1])
    other = save(tmp_path / "other.frz", {"weight": np.zeros(3, np.float32)})
    assert f"SKELETON_DAMAGED: {damaged}: this is not an intact template" in refused(
        "fill", damaged, parts[1], "-o", out
    )
    assert "missing from the file: conv.weight" in refused("fill", parts[0], other, "-o", out)
    assert "gone.frt" in refused("fill", tmp_path / "gone.frt", parts[1], "-o", out)
    assert "memory budget" in refused("fill", *parts, "-o", out, "--memory-budget", "1000")
    mismatch = frformat("fill", parts[0], other, "-o", out, "--json")
    assert (mismatch.code, mismatch.json["error"]["code"]) == (2, "MISMATCH")
    assert not out.exists()
