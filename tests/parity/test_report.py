"""Untrusted reports: intact ones are read, all others are refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat.parity import ReportError, read_report
from frformat.parity.npy import read_array
from frformat.parity.report import checksum
from frformat.parity.writing import describe, runs
from tests.parity.strategies import document

X = np.zeros((1, 3), np.float32)
Y = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)

floats = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5), elements=st.floats(width=32)
)


def written(folder: Path, facts: Any) -> str:
    path = folder / "report.json"
    path.write_text(facts if isinstance(facts, str) else json.dumps(facts))
    return str(path)


@given(values=floats)
def test_written_reports_are_read_back(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("report")
    report = read_report(written(folder, document({"a": values}, {"a": X})))
    sample = report.inputs["a"]
    assert (sample.shape, sample.crc32, sample.times) == (X.shape, checksum(X), [3, 1, 2])
    found = sample.output.array()
    assert found.tobytes() == values.astype("<f4").tobytes()
    assert found.shape == values.shape
    if values.ndim >= 2 and values.size and np.isfinite(values).all():
        np.testing.assert_array_equal(sample.output.classes(), values.argmax(1))
    assert report.about["device.model"] == "Pixel <b>"
    assert report.load == {"total": 12.5}


@given(hnp.arrays(np.int64, st.integers(0, 30), elements=st.integers(0, 2)))
def test_runs(classes: np.ndarray):
    told = runs(classes)
    np.testing.assert_array_equal(np.repeat(told[::2], told[1::2]), classes)
    assert all(a != b for a, b in zip(told[::2], told[2::2], strict=False))


def test_values_next_to_the_report(tmp_path: Path):
    facts = document({"a": Y}, {"a": X})
    facts["inputs"][0]["output"]["values"] = {"encoding": "npy", "file": "a.out.npy"}
    path = written(tmp_path, facts)
    output = read_report(path).inputs["a"].output
    with pytest.raises(FileNotFoundError):
        output.array()
    np.save(tmp_path / "a.out.npy", Y)
    np.testing.assert_array_equal(output.array(), Y)
    for wrong, fault in (
        (Y + 1, "checksum"),
        (Y[0], "shape"),
        (Y.astype(np.float64), "float64"),
        (Y.T.copy().T, "Fortran"),
    ):
        np.save(tmp_path / "a.out.npy", wrong)
        with pytest.raises(ReportError, match=fault):
            output.array()


def test_half_precision(tmp_path: Path):
    import base64

    facts = document({"a": Y}, {"a": X})
    data = base64.b64encode(Y.astype("<f2").tobytes()).decode()
    facts["inputs"][0]["output"]["values"] = {"encoding": "base64-f16", "data": data}
    np.testing.assert_allclose(read_report(written(tmp_path, facts)).inputs["a"].output.array(), Y, atol=1e-3)


FAULTS: dict[str, tuple[str, Any]] = {
    "format": ("format", "other"),
    "version": ("version", 2),
    "version as a string": ("version", "1"),
    "no model": ("model", None),
    "no inputs": ("inputs", None),
    "inputs of another type": ("inputs", {}),
    "input of another type": ("inputs.0", 3),
    "name": ("inputs.0.name", 7),
    "long name": ("inputs.0.name", "x" * 1025),
    "shape of strings": ("inputs.0.shape", ["1"]),
    "negative shape": ("inputs.0.shape", [-1]),
    "shape of booleans": ("inputs.0.shape", [True]),
    "bomb": ("inputs.0.output.shape", [1 << 20, 1 << 20]),
    "bomb without elements": ("inputs.0.output.shape", [1 << 60, 0]),
    "rank": ("inputs.0.output.shape", [1] * 9),
    "checksum": ("inputs.0.crc32", "0000000G"),
    "short checksum": ("inputs.0.crc32", "123"),
    "huge number": ("inputs.0.ms", [10**400]),
    "times": ("inputs.0.ms", ["1"]),
    "neither output nor error": ("inputs.0.output", None),
    "encoding": ("inputs.0.output.values.encoding", "pickle"),
    "long data": ("inputs.0.output.values.data", "A" * 10_000),
    "axis": ("inputs.0.output.classes.axis", 3),
    "odd runs": ("inputs.0.output.classes.runs", [0]),
    "empty run": ("inputs.0.output.classes.runs", [0, 0, 0, 8]),
    "long runs": ("inputs.0.output.classes.runs", [0, 1 << 40]),
    "runs of an unknown class": ("inputs.0.output.classes.runs", [3, 8]),
    "runs of fractions": ("inputs.0.output.classes.runs", [0.5, 8]),
    "min": ("inputs.0.output.min", "low"),
    "skeleton": ("model.skeleton", {"file": "x"}),
    "skeleton without a size": ("model.skeleton.bytes", None),
    "skeleton without a name": ("model.skeleton.file", None),
    "negative bytes": ("model.skeleton.bytes", -1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_reported_with_their_location(fault: str, tmp_path: Path):
    place, value = FAULTS[fault]
    facts = document({"a": Y}, {"a": X})
    *folders, name = place.split(".")
    target: Any = facts
    for folder in folders:
        target = target[int(folder)] if isinstance(target, list) else target[folder]
    target[int(name) if isinstance(target, list) else name] = value
    path = written(tmp_path, facts)
    with pytest.raises(ReportError) as caught:
        read_report(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert name in str(caught.value) or folders[-1] in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "../a.npy", "/etc/passwd", "a\\b.npy", "a/b", "a\0b"])
def test_only_files_next_to_the_report_are_read(name: str, tmp_path: Path):
    facts = document({"a": Y}, {"a": X})
    facts["inputs"][0]["output"]["values"] = {"encoding": "npy", "file": name}
    with pytest.raises(ReportError, match="file"):
        read_report(written(tmp_path, facts))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", '{"format": NaN}', "[" * 100_000, '{"a": 1, "a": 2}', '{"a":' * 17 + "1" + "}" * 17, "\ufeff{}"],
)
def test_other_documents(text: str, tmp_path: Path):
    with pytest.raises(ReportError):
        read_report(written(tmp_path, text))


def test_bytes_that_are_not_text(tmp_path: Path):
    (tmp_path / "report.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ReportError, match="JSON"):
        read_report(str(tmp_path / "report.json"))


def test_two_inputs_with_one_name(tmp_path: Path):
    facts = document({"a": Y}, {"a": X})
    facts["inputs"] *= 2
    with pytest.raises(ReportError, match=r"inputs\[1\]\.name"):
        read_report(written(tmp_path, facts))


@given(data=st.data())
def test_damaged_documents_are_at_worst_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory):
    text = bytearray(json.dumps(document({"a": Y, "b": Y}, {"a": X, "b": X})).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "report.json"
    path.write_bytes(text[: data.draw(st.integers(0, len(text)))] if data.draw(st.booleans()) else text)
    try:
        for sample in read_report(str(path)).inputs.values():
            if sample.output:
                sample.output.array()
                sample.output.classes()
    except (ReportError, FileNotFoundError):
        pass


@pytest.mark.parametrize("cut", [0, 5, 9, 60, 127, 200])
def test_truncated_numpy_files(cut: int, tmp_path: Path):
    path = tmp_path / "a.npy"
    np.save(path, Y)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ReportError):
        read_array(str(path))


def test_numpy_files_that_claim_too_much(tmp_path: Path):
    path = tmp_path / "a.npy"
    for shape in ("(1000000, 1000000)", "(1073741824,)", "(7, 7)", "(-1,)"):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(96))
        with pytest.raises(ReportError):
            read_array(str(path))
    np.save(path, np.array([object()]), allow_pickle=True)
    with pytest.raises(ReportError, match="object"):
        read_array(str(path))


def test_descriptions_of_numbers_that_are_not_finite():
    told = describe(np.array([[np.nan, 1, -np.inf]]), embed=True)
    assert (told["nonfinite"], told["min"], told["max"]) == (2, 1, 1)
    assert "classes" not in told
    json.dumps(copy.deepcopy(told), allow_nan=False)
