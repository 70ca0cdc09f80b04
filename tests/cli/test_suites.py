from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import frformat
from tests.parity.suites import document, write


def test_one_report_is_shown_in_detail(tmp_path: Path):
    outcome = frformat("compare", write(tmp_path / "a.json"))
    assert (outcome.code, outcome.err) == (0, "")
    for text in ("4 ×", "lenet5", "accuracy 0.95", "pixels within 512 MiB", "scheduled", "all within their tolerances"):
        assert text in outcome.out


def test_several_reports_make_a_page(tmp_path: Path):
    a, b, html = write(tmp_path / "a.json"), write(tmp_path / "b.json", speedup=2.0), tmp_path / "page.html"
    outcome = frformat("compare", a, b, "--html", html)
    assert outcome.code == 0
    assert "speed-up, b.json" in outcome.out
    assert "Benchmark suite: 2 reports" in html.read_text()
    assert frformat("compare", a, b, "--html", html).code == 2  # it exists


def test_json_contains_all_reports(tmp_path: Path):
    told = frformat("compare", write(tmp_path / "a.json"), write(tmp_path / "b.json"), "--json").json
    assert [each["scores"][0]["speedup"] for each in told] == [4.0, 4.0]


def test_a_wrong_result_is_a_difference(tmp_path: Path):
    outcome = frformat("compare", write(tmp_path / "a.json", error=1.0))
    assert outcome.code == 1
    assert "1 with an error above the tolerance" in outcome.out


def test_a_failed_test_is_a_difference(tmp_path: Path):
    found = document()
    found["sharing"][0] = {"runtime": "onnxruntime", "failure": "gan, dense: no memory"}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found))
    outcome = frformat("compare", path)
    assert outcome.code == 1
    for text in ("1 failed, 0 with an error above the tolerance", "several applications at once", "gan, dense: no"):
        assert text in outcome.out


def test_arguments_are_a_model_or_reports(tmp_path: Path):
    report = write(tmp_path / "a.json")
    assert "or reports of the suite" in frformat("compare", report, "model.frz").err
    assert "only --html applies" in frformat("compare", report, "--layers").err
    assert frformat("compare", tmp_path / "none.json").code == 2
