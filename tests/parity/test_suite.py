from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frformat.errors import ReportError
from frformat.parity.suite import is_suite_report, read_suite_report, words
from frformat.parity.suite.page import page
from frformat.parity.suite.report import Heat
from tests.parity.suites import document, write


def test_a_report_is_read_completely(tmp_path: Path):
    path = str(write(tmp_path / "a.json"))
    report = read_suite_report(path)
    assert is_suite_report(path)
    assert report.sound
    assert report.about == {
        "producer.name": "frz-host", "producer.version": "0.1.0", "device.os": "Linux", "device.cores": 2
    }  # fmt: skip
    (score,) = report.scores
    assert (score.speedup, score.bytes_ratio, score.memory_ratio) == (4.0, 40.0, 3.0)
    assert score.counted == ("lenet5",)
    assert score.excluded == {"vae": "it failed: <b>no memory</b>"}
    dense, factored = report.networks[0].variants
    assert dense.numbers["median_ms"] == 8.0
    assert not dense.against_dense
    assert factored.against_dense["speedup"] == 4.0
    assert report.learning
    assert report.learning.numbers["score"] == 0.92
    assert report.networks[0].heat == Heat(41.5, "light", 0.75)
    (sharing,) = report.sharing
    assert sharing.capacity == 1.5
    assert [app.network for app in sharing.apps] == ["lenet5", "srcnn"]
    assert report.memory[0].series["dense"] == ((112 * 160, 100 << 20),)
    assert report.memory[0].pixel_ratio == 4.5


def test_unknown_values_are_none(tmp_path: Path):
    found = document()
    del found["learning"], found["scores"][0]["speedup"], found["networks"][0]["variants"][0]["native_bytes"]
    found["networks"][0]["variants"][1] = {"name": "factored", "file_bytes": 9, "failure": "no memory"}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found))
    report = read_suite_report(str(path))
    assert report.scores[0].speedup is None
    assert report.learning is None
    assert not report.sound
    assert words.verdict([report]) == "1 report, 3 results: 1 failed, 0 with an error above the tolerance"
    assert "no memory" in page([report])


@pytest.mark.parametrize("member", ["learning", "sharing"])
def test_a_test_that_failed_is_reported(tmp_path: Path, member: str):
    found = document()
    failed = {"runtime": "onnxruntime", "failure": "gan, dense: <i>no memory</i>", "file_bytes": 9}
    found[member] = [failed] if member == "sharing" else failed
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found))
    report = read_suite_report(str(path))
    assert not report.sound
    assert words.verdict([report]) == "1 report, 4 results: 1 failed, 0 with an error above the tolerance"
    runtime = "onnxruntime" if member == "sharing" else ""
    test = words.SHARING if member == "sharing" else words.LEARNING
    assert [*words.ended_rows([report])] == [("a.json", runtime, test, "gan, dense: <i>no memory</i>")]
    assert "gan, dense: &lt;i&gt;no memory&lt;/i&gt;" in page([report])


def test_memory_that_ends_is_shown_and_is_not_a_fault(tmp_path: Path):
    found = document()
    found["memory"][0]["series"][0]["failure"] = "exit code 137"
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found))
    report = read_suite_report(str(path))
    assert report.sound
    assert report.memory[0].failures == {"dense": "exit code 137"}
    assert "growing resolutions, dense" in page([report])
    assert "exit code 137" in page([report])


def test_the_heat_of_the_device_is_shown_where_it_is_known(tmp_path: Path):
    report = read_suite_report(str(write(tmp_path / "a.json")))
    assert [*words.heat_rows(report)] == [
        ("lenet5", "onnxruntime", "41.5", "light", "0.75"), ("learning on the device", "", "39", "", "")
    ]  # fmt: skip
    assert "thermal headroom" in page([report])
    found = document()
    for members in (found["networks"][0], found["learning"]):
        for name in ("temperature", "thermal_status", "thermal_headroom"):
            members.pop(name, None)
    path = tmp_path / "b.json"
    path.write_text(json.dumps(found))
    assert "thermal headroom" not in page([read_suite_report(str(path))])


def test_an_error_above_the_tolerance_is_reported(tmp_path: Path):
    report = read_suite_report(str(write(tmp_path / "a.json", error=1e-3)))
    assert not report.sound
    assert words.verdict([report]).endswith("0 failed, 1 with an error above the tolerance")
    assert '<tr class="marked">' in page([report])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.update(format="frz-parity-report"), "format is not 'frz-suite-report'"),
        (lambda d: d.update(version=2), "version is not 1"),
        (lambda d: d.pop("threads"), "threads is missing"),
        (lambda d: d.update(short=1), "short is not true or false"),
        (lambda d: d.update(scores={}), "scores is not an array"),
        (lambda d: d["scores"][0].update(speedup="4"), "scores[0].speedup is not a number"),
        (lambda d: d["scores"][0].update(counted=[1]), "scores[0].counted contains something that is not a string"),
        (lambda d: d["networks"][0].update(variants=[]), "networks[0].variants is empty"),
        (lambda d: d["networks"][0]["variants"][1].pop("error"), "networks[0].variants[1].error is missing"),
        (lambda d: d["networks"][0]["variants"][1]["against_dense"].pop("speedup"), "against_dense.speedup is missing"),
        (lambda d: d["memory"][0]["series"][0]["steps"][0].update(peak=-1), "series[0].steps[0].peak is not a whole"),
        (lambda d: d["sharing"][0]["apps"].append(3), "sharing[0].apps[2] is not an object"),
        (lambda d: d["sharing"][0].pop("capacity"), "sharing[0].capacity is missing"),
        (lambda d: d["learning"].pop("error"), "learning.error is missing"),
        (lambda d: d["learning"].update(thermal_status=2), "learning.thermal_status is not a string"),
        (lambda d: d.update(networks=[None] * 5000), "networks has more than 4,096 entries"),
    ],
)
def test_faults_are_reported_with_their_location(tmp_path: Path, change: Callable[[Any], Any], fault: str):
    found = document()
    change(found)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found))
    with pytest.raises(ReportError, match=re.escape(fault)) as refused:
        read_suite_report(str(path))
    assert str(refused.value).startswith(f"{path}: ")


def test_several_reports_are_shown_side_by_side(tmp_path: Path):
    (tmp_path / "b").mkdir()
    paths = [write(tmp_path / "a.json"), write(tmp_path / "b" / "a.json", speedup=2.0), write(tmp_path / "c.json")]
    reports = [read_suite_report(str(path)) for path in paths]
    assert words.names(reports) == [str(paths[0]), str(paths[1]), "c.json"]
    rows = [*words.across_rows(reports, "speedup")]
    assert rows == [("lenet5", "onnxruntime", "factored", "4 ×", "2 ×", "4 ×")]
    assert [row[3:] for row in words.across_rows(reports, "median_ms")] == [("8",) * 3, ("2",) * 3]
    text = page(reports)
    assert "Speed-up over dense" in text
    assert "Speed-up over dense" not in page(reports[:1])
    assert "&lt;b&gt;no memory&lt;/b&gt;" in text
    assert not re.search(r"https?:|<script|<b>", text)
