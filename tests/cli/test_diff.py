from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import frformat as frz
from frformat import Spectrum
from frformat.cli.diff import differences
from tests.cli.command import frformat, refused
from tests.cli.models import NASTY, TENSORS, damaged, segment_offset, write_model


def pair(tmp_path: Path, a: dict[str, object], b: dict[str, object], **options: object) -> list[str]:
    """Write two files; return their paths as arguments."""
    for name, tensors in (("a.frz", a), ("b.frz", b)):
        frz.save_file(tensors, tmp_path / name, **options)  # type: ignore[arg-type]
    return [str(tmp_path / "a.frz"), str(tmp_path / "b.frz")]


def test_a_file_equals_itself(model: Path):
    outcome = frformat("diff", model, model)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("\nequal: 7 tensors\n")
    found = frformat("diff", model, model, "--json").json
    assert found["equal"] is True
    assert all(tensor["absolute"] == tensor["relative"] == 0 for tensor in found["tensors"])


def test_differences_in_storage_are_reported_but_do_not_count(model: Path, tmp_path: Path):
    other = write_model(tmp_path / "other.frz", tiers=[], compression="none", format="f32", metadata={"license": "X"})
    outcome = frformat("diff", model, other)
    assert outcome.code == 0
    first, second = (path.stat().st_size for path in (model, other))
    note = "  3 tiers, 3 present; the last one present is compared\n"
    assert f"- {model}: {first:,} bytes\n{note}+ {other}: {second:,} bytes\n" in outcome.out
    assert "values f16 → f32; coder " in outcome.out
    assert "- metadata license: MIT\n+ metadata license: X\n" in outcome.out
    assert "\x1b" not in outcome.out
    assert "equal: 7 tensors" in outcome.out


def test_trailing_zeros_of_a_spectrum_do_not_count(tmp_path: Path):
    short, long = Spectrum(np.ones(3, np.float32), (4, 4)), Spectrum(np.float32([1, 1, 1, 0, 0]), (4, 4))
    outcome = frformat("diff", *pair(tmp_path, {"w": short}, {"w": long}))
    assert outcome.code == 0
    assert "kept 3 → 5" in outcome.out


def test_different_weights(tmp_path: Path):
    base = Spectrum(np.float32([4, 1]), (2, 2))
    other = Spectrum(np.float32([4, 2]), (2, 2))
    arguments = pair(tmp_path, {"w": base, "same": base}, {"w": other, "same": base}, format="f16", compression="none")
    outcome = frformat("diff", *arguments)
    assert outcome.code == 1
    line = next(line for line in outcome.out.splitlines() if line.startswith("w "))
    assert line.split() == ["w", "weights", "0.5", "0.2"]
    assert "same" not in outcome.out
    assert "different: 1 of 2 tensors that both have" in outcome.out
    assert frformat("diff", *arguments, "--tolerance", "0.19").code == 1
    within = frformat("diff", *arguments, "--tolerance", "0.21")
    assert within.code == 0
    assert "equal: 2 tensors within 0.21 of the largest weight" in within.out
    found = frformat("diff", *arguments, "--json")
    assert (found.code, found.json["equal"], found.json["only_in_a"]) == (1, False, [])
    told = {tensor["name"]: tensor for tensor in found.json["tensors"]}
    assert (told["w"]["absolute"], told["w"]["equal"]) == (0.5, False)
    assert told["w"]["relative"] == pytest.approx(0.2)
    assert told["same"]["equal"] is True


def test_names_shapes_and_types(tmp_path: Path):
    a = {"gone": np.ones(2), "shape": np.ones((2, 3)), "type": np.ones(2, np.float32), NASTY: np.ones(1)}
    b = {"new": np.ones(2), "shape": np.ones((3, 2)), "type": np.ones(2), NASTY: np.zeros(1)}
    arguments = pair(tmp_path, a, b)
    outcome = frformat("diff", *arguments, "--tolerance", "9")
    assert outcome.code == 1
    for text in ("shape 2×3 → 3×2", "dtype f32 → f64", "only in the first", "only in the second"):
        assert text in outcome.out
    assert "different: 2 of 3 tensors that both have within 9 of the largest weight, 2 that only one has" in outcome.out
    assert r"w\u202e[bold]" in outcome.out  # differs within the tolerance, and is stored differently
    found = frformat("diff", *arguments, "--json").json
    assert (found["only_in_a"], found["only_in_b"]) == (["gone"], ["new"])
    shape = next(tensor for tensor in found["tensors"] if tensor["name"] == "shape")
    assert shape["shape"] == [[2, 3], [3, 2]]
    assert shape["absolute"] is None
    assert "\\u202e[bold]" in frformat("diff", *arguments).out


def test_other_checkpoints(model: Path, tmp_path: Path):
    arrays = {name: array for name, array in frz.load_file(model).items() if name != NASTY}
    np.savez(tmp_path / "x.npz", **arrays)
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "x.pt")
    for other in (tmp_path / "x.npz", tmp_path / "x.pt"):
        outcome = frformat("diff", model, other)
        assert (outcome.code, outcome.err) == (1, "")
        assert r"only in the first" in outcome.out
        assert "different: 1 that only one has" in outcome.out
    assert "removed wrapper prefixes from names: module." in outcome.out
    assert frformat("diff", tmp_path / "x.npz", tmp_path / "x.pt").code == 0
    line = refused("diff", tmp_path / "x.npz", tmp_path / "x.pt", "--memory-budget", "1kB")
    assert line.startswith(f"{tmp_path / 'x.npz'}: BUDGET: ")


def test_a_file_without_its_extension(model: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    copy.write_bytes(model.read_bytes())
    assert frformat("diff", model, copy).code == 0


def test_failures(model: Path, tmp_path: Path):
    bad = damaged(model, segment_offset(model))
    assert refused("diff", model, bad).startswith(f"{bad}: CHECKSUM: ")
    assert refused("diff", "none", model) == "none: IO: No such file or directory"
    (tmp_path / "text").write_text("hello")
    assert refused("diff", model, tmp_path / "text").startswith(f"{tmp_path / 'text'}: READ: not an .frz")
    (tmp_path / "text.frz").write_text("hello")
    assert "MAGIC" in refused("diff", model, tmp_path / "text.frz")
    assert "Only one of the files" in refused("diff", "-", "-")
    assert "not a number" in refused("diff", model, model, "--tolerance", "nan")
    assert "BUDGET" in refused("diff", model, write_model(tmp_path / "q.frz", format="q4"), "--memory-budget", "2kB")


@pytest.mark.parametrize(
    ("a", "b", "absolute", "largest"),
    [
        ([1, 2, 3], [1, 2, 3], 0, 3),
        ([np.nan, -5.0], [np.nan, -5.0], 0, 5),
        ([np.nan, 1.0], [0.0, 1.0], np.inf, 1),
        ([np.inf, 1.0], [np.inf, 1.5], 0.5, 1),
        ([np.inf], [-np.inf], np.inf, 0),
        ([0.0], [-0.0], 0, 0),
        ([2**63], [2**63 + 1], 1, 2.0**63),
        ([-(2**63)], [2**63 - 1], 2.0**64, 2.0**63),
        ([True, False], [True, True], 1, 1),
        ([3 + 4j], [0], 5, 5),
        ([], [], 0, 0),
    ],
)
def test_differences_of_arrays(a: list[complex], b: list[complex], absolute: float, largest: float):
    x = np.array(a)
    found = differences.arrays_apart(x, np.array(b, x.dtype))
    assert found.absolute == absolute
    assert found.largest == largest


def test_differences_of_incompatible_types():
    x, y = np.array([1, 2], ml_dtypes.bfloat16), np.array([1, 4], ml_dtypes.float8_e5m2)
    assert differences.arrays_apart(x, y).absolute == 2
    assert differences.arrays_apart(x, x).absolute == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(0), st.floats(-1e6, 1e6))
def test_one_different_element(numbers: list[float], place: int, other: float):
    a: NDArray[np.float64] = np.array(numbers)
    b = a.copy()
    b[place % len(b)] = other
    assert differences.arrays_apart(a, b).absolute == abs(a[place % len(b)] - other)


def test_large_arrays_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(differences, "CHUNK", 7)
    a = np.arange(100.0)
    b = a.copy()
    b[93] += 3
    assert differences.arrays_apart(a, b) == differences.Difference(3, 99)


def test_equal_spectra_are_not_rebuilt(tmp_path: Path):
    huge = Spectrum(np.ones(3, np.float32), (2**20, 2**20))
    assert frformat("diff", *pair(tmp_path, {"w": huge}, {"w": huge})).code == 0
    other = Spectrum(np.full(3, 2, np.float32), (2**20, 2**20))
    assert "BUDGET" in refused("diff", *pair(tmp_path, {"w": huge}, {"w": other}))


def test_every_tensor_of_the_fixture_is_compared(model: Path):
    found = frformat("diff", model, model, "--json").json
    assert {tensor["name"] for tensor in found["tensors"]} == {*TENSORS, "tied"}


def test_one_of_several_state_dicts(tmp_path: Path):
    torch.save({"net": {"w": torch.ones(2)}, "ema": {"w": torch.zeros(2)}}, tmp_path / "a.pt")
    frz.save_file({"w": np.zeros(2, np.float32)}, tmp_path / "b.frz")
    assert "select one with --entry: 'net' (1 tensor), 'ema' (1 tensor)" in refused(
        "diff", tmp_path / "a.pt", tmp_path / "b.frz"
    )
    assert frformat("diff", tmp_path / "a.pt", tmp_path / "b.frz", "--entry", "ema").code == 0
    assert frformat("diff", tmp_path / "b.frz", tmp_path / "a.pt", "--entry", "net").code == 1


def test_delta_files_are_compared_with_their_base(tmp_path: Path):
    new = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    old, other = tmp_path / "old.frz", tmp_path / "other.frz"
    frz.save_file({"w": new * np.float32(1.001)}, old)
    frz.save_file({"w": new}, other)
    frz.save_file({"w": new}, tmp_path / "delta.frz", base=old)
    delta = tmp_path / "delta.frz"
    assert frformat("diff", delta, other, "--base", old).code == 0
    assert frformat("diff", other, delta, "--base", old).code == 0
    assert frformat("diff", delta, old, "--base", old).code == 1
    assert "BASE: this is a delta file: also give its base" in refused("diff", delta, other)
    assert "BASE: the base has the SHA-256" in refused("diff", delta, other, "--base", other)
    assert "nope.frz: IO: No such file" in refused("diff", delta, other, "--base", tmp_path / "nope.frz")
