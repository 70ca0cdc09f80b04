"""``frformat dump FILE NAME``: one tensor."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import frformat as frz
from frformat import Spectrum
from frformat.cli.dump import tensor
from frformat.cli.dump.picture import SHOWN, WIDTH, bar
from frformat.spectral import zigzag
from tests.cli.command import frformat, refused
from tests.cli.models import NASTY, TENSORS, write_cores


def raw(tmp_path: Path, array: np.ndarray) -> tuple[dict[str, object], str]:
    """Return the output of ``dump`` for an array, as data and as text."""
    frz.save_file({"x": array}, tmp_path / "x.frz")
    text = frformat("dump", tmp_path / "x.frz", "x")
    assert (text.code, text.err) == (0, "")
    return frformat("dump", tmp_path / "x.frz", "x", "--json").json, text.out


def test_a_spectrum(model: Path):
    lines = frformat("dump", model, "conv2.weight").out.splitlines()
    assert lines[0] == "conv2.weight"
    rows = [line.split() for line in lines if line.strip()[:1].isdigit()]
    spectrum = TENSORS["conv2.weight"]
    assert isinstance(spectrum, Spectrum)
    assert len(rows) == 33
    indices = zigzag.prefix((32, 64, 3, 3), 33).tolist()
    for number, (row, index) in enumerate(zip(rows, indices, strict=True)):
        assert row[0] == str(number)
        assert list(map(int, row[1:5])) == index
        assert float(row[5]) == pytest.approx(spectrum.coefficients[number], rel=1e-4, abs=1e-6)
    assert rows[-1][6:8] == ["100.00", "%"]
    assert rows[0][-1] == "█" * WIDTH


def test_a_spectrum_as_json(model: Path):
    found = frformat("dump", model, "conv.weight", "--json").json
    assert found["coefficients"] == list(range(1, 34))
    assert found["indices"] == zigzag.prefix((64, 32, 3, 3), 33).tolist()
    squares = np.arange(1.0, 34) ** 2
    np.testing.assert_allclose(found["cumulative_energy"], squares.cumsum() / squares.sum())
    assert found["rms"] == pytest.approx(np.sqrt(np.mean(frz.load_file(model)["conv.weight"] ** 2)), rel=1e-5)
    assert found["box"] == [4, 4, 3, 3]


def test_an_alias_and_a_tier(model: Path):
    out = frformat("dump", model, "tied", "--tier", "0").out
    assert out.startswith("tied → conv.weight\n")
    assert "kept     5 coefficients, 5 not 0 (per tier: 5 12 33)" in out
    stored = next(line for line in out.splitlines() if line.startswith("stored"))
    assert stored.rstrip().endswith("group 0")  # its bytes are those of the tensor that the alias refers to
    assert len(frformat("dump", model, "tied", "--tier", "1", "--json").json["coefficients"]) == 12


def test_a_view(model: Path):
    found = frformat("dump", model, "fc.weight", "--json").json
    assert found["view"] == [10, 5, 4, 4]
    assert found["indices"] == zigzag.prefix((10, 5, 4, 4), 20).tolist()
    assert "view     10×5×4×4" in frformat("dump", model, "fc.weight").out


def test_only_the_start_of_a_long_spectrum_is_shown(tmp_path: Path):
    frz.save_file({"x": Spectrum(np.ones(1000, np.float32), (100, 100))}, tmp_path / "x.frz")
    out = frformat("dump", tmp_path / "x.frz", "x").out
    assert f"\n… {1000 - SHOWN} more; --json has all of them\n" in out
    assert len(frformat("dump", tmp_path / "x.frz", "x", "--json").json["coefficients"]) == 1000
    refusal = refused("dump", tmp_path / "x.frz", "x", "--memory-budget", "10")
    assert refusal.startswith(f"{tmp_path / 'x.frz'}: BUDGET: ")
    listed = frformat("dump", tmp_path / "x.frz", "x", "--json", "--memory-budget", "100kB").json
    assert listed["error"]["code"] == "BUDGET"
    assert listed["error"]["tensor"] == "x"


def test_nothing_kept_and_all_zero(tmp_path: Path):
    tensors = {"none": Spectrum(np.zeros(0, np.float32), (3, 3)), "zero": Spectrum(np.zeros(2, np.float32), (3, 3))}
    frz.save_file(tensors | {"void": Spectrum(np.zeros(0, np.float32), (0, 3))}, tmp_path / "x.frz")
    for name in ("none", "zero", "void"):
        outcome = frformat("dump", tmp_path / "x.frz", name)
        assert (outcome.code, outcome.err) == (0, "")
        assert "weights  root mean square 0" in outcome.out
    assert frformat("dump", tmp_path / "x.frz", "zero", "--json").json["cumulative_energy"] == [1, 1]


def test_raw_values(model: Path):
    out = frformat("dump", model, NASTY).out
    assert out.startswith(r"w\u202e[bold]ß名前")
    assert "-2.5 … 1.5, mean -0.5" in out
    assert "not finite  1 value" in out
    assert "1.5 nan -2.5" in out
    found = frformat("dump", model, NASTY, "--json").json
    assert (found["min"], found["max"], found["mean"], found["not_finite"]) == (-2.5, 1.5, -0.5, 1)
    assert found["first"] == [1.5, "NaN", -2.5]


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int16, np.float16, np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.bool_]
)
def test_raw_types(tmp_path: Path, dtype: type):
    found, _ = raw(tmp_path, np.array([[1, 0], [1, 1]]).astype(dtype))
    assert (found["min"], found["max"], found["mean"], found["first"]) == (0, 1, 0.75, [1, 0, 1, 1])


def test_integers_are_exact(tmp_path: Path):
    found, out = raw(tmp_path, np.array([2**64 - 1, 2**63], np.uint64))
    assert (found["min"], found["max"]) == (2**63, 2**64 - 1)
    assert f"{2**63} … {2**64 - 1}" in out


def test_complex_numbers(tmp_path: Path):
    found, out = raw(tmp_path, np.array([3 + 4j, 1j], np.complex64))
    assert (found["min"], found["max"]) == (1, 5)
    assert found["first"] == [[3, 4], [0, 1]]
    assert "magnitude 1 … 5" in out
    assert "3+4j 0+1j" in out


def test_raw_without_elements_and_without_numbers(tmp_path: Path):
    assert raw(tmp_path, np.zeros((0, 3)))[0]["min"] is None
    found, out = raw(tmp_path, np.full(3, np.nan))
    assert (found["min"], found["not_finite"]) == (None, 3)
    assert "not finite  3 values" in out


def test_a_large_array_is_processed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tensor, "CHUNK", 7)
    array = np.random.default_rng(0).standard_normal(100)
    found, out = raw(tmp_path, array)
    assert found["min"] == array.min()
    assert found["max"] == array.max()
    assert found["mean"] == pytest.approx(array.mean())
    assert out.rstrip().endswith("…")


def test_a_core_and_its_axes(tmp_path: Path):
    path = write_cores(tmp_path / "x.frz")
    lines = frformat("dump", path, "core").out.splitlines()
    axes = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert axes == [["0", "stored", "8", "6", "factor", "0"], ["1", "seeded", "9", "4", "seed", "7"],
                    ["2", "identity", "3", "3"]]  # fmt: skip
    found = frformat("dump", path, "core", "--json").json
    assert (found["kind"], found["numbers"], found["nonzero"]) == ("computed", 72, 48)
    assert (found["min"], found["max"], found["mean"]) == (-0.125, 0.375, pytest.approx(1 / 12))
    assert (found["first"][:3], found["more"]) == ([0.375, 0, -0.125], True)
    assert found["axes"][1] == {"basis": "seeded", "length": 9, "entries": 4, "factor": None, "seed": 7}


def test_a_corner_is_shown_as_the_whole_tensor(tmp_path: Path):
    found = frformat("dump", write_cores(tmp_path / "x.frz"), "channels", "--json").json
    assert (found["axes"], found["numbers"], found["nonzero"], found["min"]) == (None, 6, 6, 0)
    assert found["first"] == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_no_such_tensor(model: Path):
    assert refused("dump", model, "conv") == (
        f"{model}: NOT_FOUND: no tensor has this name; `frformat dump` lists all names (tensor 'conv')"
    )


def test_a_misspelled_name_is_reported_with_the_most_similar_one(tmp_path: Path):
    frz.save_file({"conv1.weight": np.zeros(3), "fc.weight": np.zeros(3)}, tmp_path / "a.frz")
    line = refused("dump", tmp_path / "a.frz", "conv1.wieght")
    assert "NOT_FOUND: no tensor has this name; did you mean 'conv1.weight'? (tensor 'conv1.wieght')" in line


def test_bars():
    assert bar(0) == ""
    assert bar(1) == "█" * WIDTH
    assert bar(0.5, 3) == "█▌"
