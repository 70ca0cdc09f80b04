"""Comparisons with simulated phones."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from frformat.parity import ReportError, read_report, words
from frformat.parity.comparison import compare
from frformat.parity.facts import Apart, Comparison, Facts
from frformat.parity.inputs import Input, find_inputs
from frformat.parity.markup import STYLE
from frformat.parity.page import page
from frformat.parity.report import checksum
from frformat.parity.words import verdict
from frformat.parity.writing import describe
from tests.parity.strategies import document


def desktop(x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    first = x[:, :2] * 2
    return first + 1, {"000 first": first.ravel(), "001 second": first.ravel() + 1}, 7.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three inputs of shape (1, 3, 4, 5)."""
    made = np.random.default_rng(0)
    (tmp_path / "inputs").mkdir()
    for name in "abc":
        np.save(tmp_path / "inputs" / f"{name}.npy", made.standard_normal((1, 3, 4, 5)).astype(np.float32))
    return tmp_path


def phone(folder: Path, change: Any = lambda name, values: values, **more: Any) -> Any:
    """Return a report with the desktop's outputs, modified by ``change``."""
    inputs = {entry.name: entry.values() for entry in find_inputs(str(folder / "inputs"))}
    outputs = {name: change(name, desktop(values)[0]) for name, values in inputs.items()}
    facts = document(outputs, inputs, **more)
    (folder / "report.json").write_text(json.dumps(facts))
    return facts


def compared(folder: Path, facts: Any = None, **options: Any) -> Comparison:
    if facts is not None:
        (folder / "report.json").write_text(json.dumps(facts))
    inputs = find_inputs(str(folder / "inputs"), options.pop("truth", None))
    return compare(inputs, desktop, read_report(str(folder / "report.json")), **options)


def test_equal_sides(folder: Path):
    phone(folder)
    found = compared(folder)
    assert found.equal
    assert found.summary.phone == Apart(largest=0, mean=0, relative=0, classes_apart=0, places=60)
    assert found.summary.ms == {"rebuilt": 7, "phone": 2}
    assert found.inputs[1].ms == {"rebuilt": 7, "phone": 2}


def test_differences_are_located(folder: Path):
    def change(name: str, values: np.ndarray) -> np.ndarray:
        values = values.copy()
        if name == "b":
            values[0, :, 2, 3] = values[0, ::-1, 2, 3]
        return values

    phone(folder, change)
    found = compared(folder)
    assert not found.equal
    assert [row.phone.classes_apart for row in found.inputs] == [0, 1, 0]
    assert [row.phone.largest > 0 for row in found.inputs] == [False, True, False]
    assert compared(folder, tolerance=100.0).equal


def test_scores_of_all_sides(folder: Path):
    phone(folder, lambda name, values: -values)
    (folder / "truth").mkdir()
    for entry in find_inputs(str(folder / "inputs")):
        np.save(folder / "truth" / f"{entry.name}.npy", desktop(entry.values())[0].argmax(1))
    found = compared(folder, truth=str(folder / "truth"), original=desktop)
    assert found.summary.score == {"rebuilt": 1, "original": 1, "phone": 0}
    assert found.summary.original.largest == 0


def test_the_first_layer_at_which_sides_diverge(folder: Path):
    facts = phone(folder)
    for row in facts["inputs"]:
        parts = desktop(np.load(folder / "inputs" / f"{row['name']}.npy"))[1]
        parts["001 second"] = parts["001 second"] * np.float32(1.01)
        parts["002 unknown"] = parts["000 first"]
        row["layers"] = [{"name": name} | describe(part, embed=True) for name, part in parts.items()]
    found = compared(folder, facts)
    assert [row.name for row in found.layers] == ["000 first", "001 second"]
    assert found.parts_at == {"phone": "001 second", "original": None}


def test_a_report_without_elements_compares_classes(folder: Path):
    facts = phone(folder, lambda name, values: values + np.float32(1e-4))
    for row in facts["inputs"]:
        del row["output"]["values"]
    found = compared(folder, facts)
    assert found.equal
    assert found.summary.phone == Apart(largest=None, mean=None, relative=None, classes_apart=0, places=60)
    facts["inputs"][0]["output"]["classes"]["runs"] = [0, 20]
    assert not compared(folder, facts).equal


def test_a_phone_that_failed_on_an_input(folder: Path):
    facts = phone(folder)
    facts["inputs"][2] = {key: facts["inputs"][2][key] for key in ("name", "shape", "crc32")} | {"error": "no <memory>"}
    found = compared(folder, facts)
    assert not found.equal
    assert found.inputs[2].error == "no <memory>"
    report = read_report(str(folder / "report.json"))
    assert "failed on 1 of 3 inputs" in verdict(Facts("net", {}, {}, report, found))


def test_reports_of_other_inputs(folder: Path):
    facts = phone(folder)
    facts["inputs"][0]["crc32"] = "00000000"
    with pytest.raises(ReportError, match=r"'a'.*differs from the input of that name given here"):
        compared(folder, facts)
    with pytest.raises(ReportError, match="does not contain the input 'a'"):
        compared(folder, facts | {"inputs": facts["inputs"][1:]})
    facts = phone(folder, lambda name, values: values[:, :1])
    with pytest.raises(ReportError, match="output has shape"):
        compared(folder, facts)


class Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe", "b", "memory")
        for name, value in attrs:
            assert name != "src" or (value or "").startswith("data:image/png;base64,")
            assert not name.startswith("on")
        self.pictures += tag == "img"
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_and_self_contained(folder: Path):
    from frformat.cli.compare import _shown

    phone(folder)
    pictures: dict[str, dict[str, str]] = {}
    found = compared(folder, watch=_shown(pictures))
    report = read_report(str(folder / "report.json"))
    facts = Facts("<b>net", {"torch": "2"}, {"total": 1.0}, report, found)
    text = page(facts, pictures | {"<b>'\"": {"input": 'data:image/png;base64,"><b>'}})
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.pictures == 3 * 4 + 1
    assert "Pixel &lt;b&gt;" in text
    assert "://" not in text


def test_only_a_phone_is_called_a_phone(folder: Path):
    for system, name in (("Android", "phone"), ("Linux", "runtime"), ("Darwin", "runtime"), (None, "phone")):
        phone(folder, device={"os": system} if system else {})
        found = compared(folder)
        facts = Facts("net", {}, {}, read_report(str(folder / "report.json")), found)
        assert words.verdict(facts).startswith(f"{name} and desktop agree on 3 inputs")
        assert f"score {name}" in words.input_columns(facts)
        text = page(facts, {"a": {"phone": "data:,"}})
        assert f"<h1>net: {name} and desktop</h1>" in text
        assert f"<figcaption>{name}</figcaption>" in text
        assert ("phone" in text) is (name == "phone")


def test_the_page_breaks_no_words():
    assert "anywhere" not in STYLE


def test_pictures_and_masks_are_inputs_and_truths(tmp_path: Path):
    for name in ("in", "gt"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.full((4, 6, 3), (255, 51, 0), np.uint8)).save(tmp_path / "in" / "x.png")
    Image.fromarray(np.eye(4, 6, dtype=np.uint8) * 255).save(tmp_path / "gt" / "y.PNG")
    (entry,) = find_inputs(str(tmp_path / "in"), str(tmp_path / "gt"))
    values = entry.values()
    assert (values.shape, values.dtype) == ((1, 3, 4, 6), np.float32)
    assert values[0, :, 0, 0].tolist() == [1, np.float32(51) / np.float32(255), 0]
    np.testing.assert_array_equal(entry.classes((1, 4, 6))[0], np.eye(4, 6))
    with pytest.raises(ReportError, match=r"it has shape \[4, 6\]"):
        entry.classes((1, 4, 5))
    assert checksum(values) == checksum(values.copy())


@pytest.mark.parametrize(
    ("inputs", "truths"),
    [
        (["car1", "car10", "car2"], ["car1_mask", "car10_mask", "car2_mask"]),  # car10_mask is the first of its folder
        (["1", "2", "10"], ["001", "002", "010"]),
        (["in_0003", "in_0012"], ["gt-3", "gt-12"]),
        (["a", "b"], ["1", "2"]),
    ],
)
def test_truths_are_found_by_their_names(inputs: list[str], truths: list[str], tmp_path: Path):
    for folder, names in (("in", inputs), ("gt", truths)):
        (tmp_path / folder).mkdir()
        for name in (*names, "._hidden"):
            (tmp_path / folder / f"{name}.npy").write_bytes(b"")
    found = find_inputs(str(tmp_path / "in"), str(tmp_path / "gt"))
    expected = {name: str(tmp_path / "gt" / f"{truth}.npy") for name, truth in zip(inputs, truths, strict=True)}
    assert {entry.name: entry.truth for entry in found} == expected


def test_the_noise_of_a_jpeg_mask_does_not_count(tmp_path: Path):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:9, 5:12] = 255
    Image.fromarray(mask).save(tmp_path / "mask.jpg", quality=60)
    assert np.count_nonzero(np.asarray(Image.open(tmp_path / "mask.jpg"))) > np.count_nonzero(mask)
    found = Input("x", "x.npy", str(tmp_path / "mask.jpg")).classes(mask.shape)
    np.testing.assert_array_equal(found, mask > 0)


def test_unusable_input_folders(tmp_path: Path):
    with pytest.raises(ReportError, match=r"no \.npy files"):
        find_inputs(str(tmp_path))
    (tmp_path / "a.npy").write_bytes(b"x")
    (tmp_path / "truth").mkdir()
    with pytest.raises(ReportError, match="0 files for 1 inputs"):
        find_inputs(str(tmp_path), str(tmp_path / "truth"))
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ReportError, match="the same name except for the extension"):
        find_inputs(str(tmp_path))
    for path in ("a.npy", "a.png"):
        with pytest.raises(ReportError, match="not a"):
            Input("a", str(tmp_path / path), None).values()
    with pytest.raises(ReportError, match="not a NumPy file"):
        Input("a", "", str(tmp_path / "a.npy")).classes((1,))
