"""The check, shared by all runtimes, that a file fits a skeleton."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import frformat
from frformat import Spectrum
from frformat.runtimes import LoadError
from frformat.runtimes.contract import Contract, Wanted
from frformat.runtimes.weights import given

MATRIX = Wanted((4, 3), "f32")
CORE = Wanted((5,), "f32", (4, 3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    spectrum = Spectrum(np.ones(5, np.float32), (4, 3))
    frformat.save_file({"a": np.ones((4, 3), np.float16), "s": spectrum, "n": np.arange(3)}, tmp_path / "a.frz")
    return tmp_path / "a.frz"


@pytest.mark.parametrize(
    ("contract", "fault"),
    [
        (Contract({"a": MATRIX, "s": CORE}, unused=["n"]), ""),
        (Contract({"a": MATRIX, "s": MATRIX, "n": Wanted((3,), "i32")}), ""),
        (Contract({"b": MATRIX, "s": CORE}, {"a": "b"}, ["n"]), ""),
        (Contract({"a": MATRIX, "s": CORE}, {"n": "a"}), "n: shape [3] in the file, [4, 3] in the model"),
        (Contract({"a": MATRIX, "s": CORE}), "not in the model: n"),
        (Contract({"a": MATRIX, "s": CORE, "x": CORE}, unused=["n"]), "missing from the file: x"),
        (Contract({"a": Wanted((3, 4), "f32"), "s": CORE}, unused=["n"]), "a: shape [4, 3] in the file, [3, 4]"),
        (Contract({"a": MATRIX, "s": CORE, "n": Wanted((3,), "f32")}), "n: i64 in the file, f32 in the model"),
        (Contract({"a": CORE, "s": CORE}, unused=["n"]), "a: the model needs the coefficients of a spectrum of [4, 3]"),
        (Contract({"a": MATRIX, "s": Wanted((4,), "f32", (4, 3))}, unused=["n"]), "s: 5 coefficients in the file"),
        (Contract({"a": MATRIX, "s": Wanted((5,), "f32", (12,))}, unused=["n"]), "s: a spectrum of [4, 3] in the "),
    ],
)  # fmt: skip
def test_misfit(contract: Contract, fault: str, path: Path):
    with frformat.open(path) as file:
        found = contract.misfit(file)
    assert found.startswith(fault)
    assert bool(found) == bool(fault)


def test_copies_that_a_file_ties_to_other_tensors(tmp_path: Path):
    one, other = np.ones((4, 3), np.float32), np.zeros((4, 3), np.float32)
    frformat.save_file({"a": one, "b": other, "c": other}, tmp_path / "a.frz", aliases={"d": "b", "e": "a"})
    with frformat.open(tmp_path / "a.frz") as file:
        same = Contract({"a": MATRIX}, {"e": "a"}, ["b", "c", "d"])
        assert same.misfit(file) == ""
        assert given(same, "a", file, "a.frz").tobytes() == one.tobytes()
        contract = Contract({"a": MATRIX}, {"d": "a", "e": "a"}, ["b", "c"])
        assert contract.sources("a", file) == ["a", "d"]
        with pytest.raises(LoadError, match="a and d are one tensor in the model, but differ in the file"):
            given(contract, "a", file, "a.frz")
        wrong = Contract({"a": Wanted((3, 4), "f32")}, {"d": "a"}, ["b", "c", "e"])
        assert wrong.misfit(file).count("shape [4, 3] in the file") == 2


def test_complex_numbers_are_not_converted_to_real_ones(tmp_path: Path):
    frformat.save_file({"a": np.full((4, 3), 1 + 2j, np.complex64)}, tmp_path / "a.frz")
    with frformat.open(tmp_path / "a.frz") as file:
        for dtype in ("f32", "f64", "i64"):
            assert Contract({"a": Wanted((4, 3), dtype)}).misfit(file) == f"a: c64 in the file, {dtype} in the model"


def test_many_faults_are_counted(path: Path):
    wanted = {f"w{i:02}": MATRIX for i in range(20)}
    with frformat.open(path) as file:
        found = Contract(wanted).misfit(file)
    assert found.startswith("missing from the file: w00, w01,")
    assert ", w07 and 12 more; not in the model: " in found


def test_numbers_that_are_not_finite_are_converted_without_warnings(tmp_path: Path):
    signaling = np.array([0x7FF0_0000_0000_0001, 0x7FF0_0000_0000_0000], np.uint64).view(np.float64)
    frformat.save_file({"a": signaling}, tmp_path / "a.frz")
    with frformat.open(tmp_path / "a.frz") as file:
        for dtype in ("f16", "bf16", "f32"):
            found = given(Contract({"a": Wanted((2,), dtype)}), "a", file, "a.frz").astype(np.float32)
            np.testing.assert_array_equal(found, [np.nan, np.inf])
