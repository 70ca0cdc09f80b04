"""``frformat dump --plot``: pictures of any file."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

import frformat as frz
from frformat import Spectrum
from frformat.cli.dump import panels, plot
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
    before = (tmp_path / "out.png").read_bytes()
    line = refused("dump", model, "--plot", tmp_path / "out.png")
    assert line == f"{tmp_path / 'out.png'}: IO: it exists; use --force to replace it"
    assert (tmp_path / "out.png").read_bytes() == before
    as_json = frformat("dump", model, "--plot", tmp_path / "out.png", "--json", "--force")
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


def noise(k: int, *shape: int) -> Spectrum:
    return Spectrum(np.random.default_rng(k).standard_normal(k).astype(np.float32), shape)


LARGE = {
    "a residual network": [noise(100 * (1 + i), 300, 1000) for i in range(60)],
    "many tensors": [noise(5 + 9 * i % 200, 40, 40) for i in range(150)],
    "a million coefficients": [noise(100_000 * (1 + i), 1000, 1000) for i in range(3)],
    "few coefficients": [noise(33, 40, 40) for _ in range(5)],
}


def drawn(path: Path) -> tuple[Figure, list[tuple[str, Bbox]]]:
    """Return the picture of a file, and each text in it with its place in pixels."""
    texts: list[tuple[str, Bbox]] = []
    with frz.open(path) as file:
        figure = plot.draw(Survey(file, "x.frz"), energy(file))
    renderer = FigureCanvasAgg(figure).get_renderer()
    draw_text = renderer.draw_text

    def record(gc, x, y, text, prop, angle, ismath=False, mtext=None):
        texts.append((text, mtext.get_window_extent(renderer)))
        draw_text(gc, x, y, text, prop, angle, ismath, mtext)

    renderer.draw_text = record
    figure.draw(renderer)
    return figure, [(text, place) for text, place in texts if text.strip()]


@pytest.mark.parametrize("tiers", [(), (1, 2, 3, 10, 12, 20, 30)], ids=["one tier", "tiers"])
@pytest.mark.parametrize("tensors", LARGE.values(), ids=LARGE)
def test_texts_do_not_collide(tensors: list[Spectrum], tiers: tuple[int, ...], tmp_path: Path):
    names = [f"backbone.layer{i}.conv.weight" for i in range(len(tensors))]
    frz.save_file(dict(zip(names, tensors, strict=True)), tmp_path / "x.frz", tiers=tiers, compression="deflate")
    figure, texts = drawn(tmp_path / "x.frz")
    assert len(texts) > 20
    for (text, a), (other, b) in itertools.combinations(texts, 2):
        across, down = (min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))
        assert across <= 1 or down <= 2, (text, other)
    width, height = figure.canvas.get_width_height()
    for text, place in texts:
        assert place.x0 >= 0 <= place.y0, text
        assert place.x1 <= width, text
        assert place.y1 <= height, text


@pytest.mark.parametrize("tensors", LARGE.values(), ids=LARGE)
def test_the_map_is_not_black(tensors: list[Spectrum], tmp_path: Path):
    frz.save_file({f"w{i}": each for i, each in enumerate(tensors)}, tmp_path / "x.frz", compression="deflate")
    with frz.open(tmp_path / "x.frz") as file:
        figure = plot.draw(Survey(file, "x.frz"), energy(file))
    [image] = [image for axes in figure.axes for image in axes.images]
    colors = image.to_rgba(image.get_array())
    shown = colors[~np.ma.getmaskarray(np.ma.masked_invalid(image.get_array()))]
    assert np.mean(shown[:, :3].max(axis=1) < 0.2) < 0.2


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
    assert refused("dump", model, "--force").startswith("USAGE: --force needs --plot")
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
