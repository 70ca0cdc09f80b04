"""``frformat dump --plot``: pictures of any file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import frformat as frz
from frformat import Spectrum
from frformat.cli.dump import panels
from frformat.cli.dump.energy import STEPS, energy
from frformat.cli.dump.survey import Survey
from tests.cli.command import frformat, refused
from tests.cli.models import TENSORS, damaged, segment_offset, write_cores


def size_of(path: Path) -> tuple[int, int]:
    """Return the width and height of a picture, after checking that something is drawn in it."""
    with Image.open(path) as image:
        assert len(image.convert("RGB").resize((200, 200)).getcolors(40000)) > 20
        return image.size


def ones(k: int, *shape: int) -> Spectrum:
    return Spectrum(np.ones(k, np.float32), shape)


def test_a_picture_is_drawn(model: Path, tmp_path: Path):
    outcome = frformat("dump", model, "--plot", tmp_path / "out.png")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{tmp_path / 'out.png'}: drawn\n", "")
    width, height = size_of(tmp_path / "out.png")
    assert width > 1500
    assert height > 900
    as_json = frformat("dump", model, "--plot", tmp_path / "out.png", "--json")
    assert as_json.json == {"file": str(model), "plot": str(tmp_path / "out.png")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.frz", "out.png"]


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"w": np.ones(3)},
        {f"plain{i}": np.ones((i + 1, 3)) for i in range(40)},
        {"none": ones(0, 3, 3)},
        {"void": ones(0, 0, 3), "w": ones(1, 3)},
        {"zero": Spectrum(np.zeros(3, np.float32), (3, 3)), "w": ones(2, 3, 3)},
        {"$x_{": ones(3, 3, 3), "名前" * 100: ones(1, 3), "\u202e": ones(2, 2)},
        {f"encoder.layer{i}.weight": ones(5 + 9 * i % 200, 40, 40) for i in range(150)},
        {"long": ones(40000, 300, 300), "short": ones(3, 300)},
    ],
    ids=["empty", "plain", "many-plain", "nothing-kept", "void", "zero", "odd-names", "many", "long"],
)
def test_any_file_can_be_drawn(tensors: dict[str, Spectrum | np.ndarray], tmp_path: Path):
    frz.save_file(tensors, tmp_path / "x.frz", compression="deflate")
    outcome = frformat("dump", tmp_path / "x.frz", "--plot", tmp_path / "x.png")
    assert (outcome.code, outcome.err) == (0, "")
    size_of(tmp_path / "x.png")


def test_cores_are_drawn_by_their_bytes(tmp_path: Path):
    path = write_cores(tmp_path / "x.frz")
    assert frformat("dump", path, "--plot", tmp_path / "x.png").code == 0
    size_of(tmp_path / "x.png")
    with frz.open(path) as file:
        rows = panels.rows(Survey(file, "x"), energy(file))
    assert {row.label for row in rows} == {"core", "channels", "plain"}


def test_other_types_of_picture(model: Path, tmp_path: Path):
    assert frformat("dump", model, "--plot", tmp_path / "x.svg", "--tier", "1").code == 0
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
    assert "USAGE: Invalid value for --plot" in refused("dump", model, "--plot", tmp_path / "x.txt")


def test_unwritable_outputs(model: Path, tmp_path: Path):
    assert refused("dump", model, "--plot", tmp_path / "none" / "x.png").startswith(
        f"{tmp_path / 'none' / 'x.png'}: IO: "
    )
    (tmp_path / "folder.png").mkdir()
    assert ": IO: " in refused("dump", model, "--plot", tmp_path / "folder.png")


def test_a_damaged_file_is_not_plotted(model: Path, tmp_path: Path):
    path = damaged(model, segment_offset(model))
    assert "CHECKSUM" in refused("dump", path, "--plot", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_without_matplotlib(model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert refused("dump", model, "--plot", "x.png") == "DEPENDENCY: drawing needs matplotlib: pip install matplotlib"


def test_energy(model: Path):
    with frz.open(model) as file:
        found = energy(file)
        rows = panels.rows(Survey(file, "x"), found)
    assert found.names == [name for name, tensor in TENSORS.items() if isinstance(tensor, Spectrum)]
    assert found.edges.tolist() == list(range(34))
    squares = np.arange(1.0, 34) ** 2
    np.testing.assert_allclose(found.cumulative[0], np.concatenate(([0], squares.cumsum())))
    np.testing.assert_allclose(found.totals[2], 5)
    assert np.isnan(found.cumulative[2, 21:]).all()
    np.testing.assert_allclose(found.concentration()[2, :20], 1)
    assert np.isnan(found.concentration()[2, 20:]).all()
    np.testing.assert_allclose(found.together()[[0, -1]], [0, 1])
    assert [row.label for row in rows] == [*found.names, "3 other tensors"]


def test_energy_of_long_spectra_is_sampled():
    with frz.open(frz.save({"long": ones(10000, 200, 200), "short": ones(100, 200)})) as file:
        found = energy(file)
    assert len(found.edges) <= STEPS + 1
    assert found.edges[[0, 1, -1]].tolist() == [0, 1, 10000]
    np.testing.assert_allclose(found.cumulative[0], found.edges)
    assert np.nanmax(found.cumulative[1]) == 100
    # Evenly spread energy has the same concentration everywhere, up to the last edge that a tensor reaches.
    concentration = found.concentration()
    np.testing.assert_allclose(concentration[~np.isnan(concentration)], 1)
