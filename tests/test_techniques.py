"""The comparison of techniques in :mod:`bench.techniques`: choice of hyperparameters, files, and report."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("matplotlib")

import frformat
from bench import JAR, Missing
from bench.techniques import comparing, integers, report
from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.measuring import kotlin, score
from bench.techniques.registry import TECHNIQUES, TUNED, Technique
from bench.techniques.storing import fitted
from bench.techniques.tasks import TASKS, Task
from frformat.torch import save_model

SIZE = 4_000


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """A task with an untrained network and one epoch of only a few steps."""
    path = tmp_path_factory.mktemp("dense") / "dense.frz"
    digits = TASKS["digits"]
    save_model(digits.recipe().model(), path)
    settings = replace(digits.settings, epochs=1, batch=256)
    return replace(digits, name="tiny", dense=lambda: path, sizes=(SIZE,), settings=settings, calibration=16)


def job(task: Task, name: str) -> Job:
    return Job(task, name, SIZE, 1.0, TECHNIQUES[name].strengths[0], 0, trial=True, tuned=task.dense())


@pytest.fixture(scope="module")
def made(task: Task) -> dict[str, Made]:
    """The results of techniques, except slow ones and those that need torchao or nncodec."""
    pytest.importorskip("torch_pruning")
    names = set(TECHNIQUES) - {"dense, trained further", "frformat compress", "int8, PTQ", "int8, QAT", "NNC"}
    return {name: TECHNIQUES[name].make(job(task, name)) for name in sorted(names)}


def test_files_stay_below_the_size(made: dict[str, Made]) -> None:
    for name, found in made.items():
        assert len(found.data) <= SIZE or not TECHNIQUES[name].sized, name
        assert found.native > 0


def test_the_metric_is_that_of_the_weights_in_the_file(task: Task, made: dict[str, Made]) -> None:
    for name, found in made.items():
        model, arrays = found.evaluated or found.model, frformat.load(found.data)
        assert set(model.state_dict()) == set(arrays), name
        for key, value in model.state_dict().items():
            assert torch.equal(value, torch.from_numpy(arrays[key])), (name, key)
        assert 0 <= score(job(task, name), found, task.data(True).test) <= 100


def test_the_kotlin_decoder_reads_every_file(made: dict[str, Made]) -> None:
    if not JAR.exists() or not shutil.which("java"):
        pytest.skip("the Kotlin decoder is not built, or Java is missing")
    assert kotlin(*(found.data for found in made.values())) == [True] * len(made)


def test_magnitude_pruning_keeps_the_requested_number_of_weights(task: Task, made: dict[str, Made]) -> None:
    arrays = frformat.load(made["magnitude pruning"].data).values()
    kept = sum(int((array != 0).sum()) for array in arrays)
    assert 0.3 * SIZE < kept <= TECHNIQUES["magnitude pruning"].strengths[0] * SIZE  # rounding turns some into zeros


class Attention(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = torch.nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.attention(x.flatten(1).unflatten(1, (8, 8))).mean(1))


def test_networks_with_attention_are_pruned_or_refused(
    task: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(task.recipe, "model", lambda _: Attention())
    path = tmp_path / "dense.frz"
    save_model(Attention(), path)
    task = replace(task, dense=lambda: path, settings=replace(task.settings, distill=0.0))
    assert len(TECHNIQUES["magnitude pruning"].make(job(task, "magnitude pruning")).data) <= SIZE
    pytest.importorskip("torch_pruning")
    with pytest.raises(Unreachable, match="torch-pruning: "):
        TECHNIQUES["structured pruning"].make(job(task, "structured pruning"))


def test_a_size_out_of_reach_is_a_result(task: Task) -> None:
    with pytest.raises(Unreachable, match="bytes with 2 bits per weight"):
        fitted(task.model(), 100)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, task: Task) -> list[Job]:
    """The jobs that were run for a technique whose metric is best with rate 3 and strength 2."""
    jobs = []

    def make(given: Job) -> Made:
        jobs.append(given)
        if given.strength == 5:
            raise Unreachable("too large")
        return TECHNIQUES["dense"].make(given)

    def scored(given: Job, made: Made, samples: Any) -> float:
        assert samples is (task.whole.validation if given.trial else task.whole.test)
        return 50.0 + given.rate - abs((given.strength or 2) - 2)

    monkeypatch.setitem(TECHNIQUES, "scripted", Technique(make, strengths=(1, 2, 5)))
    monkeypatch.setattr(comparing, "score", scored)
    monkeypatch.setattr(comparing.measuring, "require", lambda: None)
    monkeypatch.setattr(
        comparing, "measured", lambda given, made: {"bytes": 1, "metric": scored(given, made, given.data.test)}
    )
    return jobs


def test_hyperparameters_are_chosen_on_the_validation_set(tried: list[Job], task: Task, tmp_path: Path) -> None:
    ((_, size, found),) = comparing.compare(task, ["scripted"], 0, tmp_path / "results.json", tmp_path)
    assert (size, found["rate"], found["strength"], found["validation"]) == (SIZE, 3.0, 2, 53.0)
    assert [each.trial for each in tried] == [True] * 5 + [False]  # three rates, and the two other strengths


def test_the_lowest_loss_is_the_best(
    tried: list[Job], monkeypatch: pytest.MonkeyPatch, task: Task, tmp_path: Path
) -> None:
    monkeypatch.setattr(task.recipe, "maximize", False)
    ((_, _, found),) = comparing.compare(task, ["scripted"], 0, tmp_path / "results.json", tmp_path)
    lowest = min(TECHNIQUES["scripted"].rates)
    assert (found["rate"], found["strength"], found["validation"]) == (lowest, 1, 49.0 + lowest)


def test_results_are_measured_once(tried: list[Job], task: Task, tmp_path: Path) -> None:
    first = list(comparing.compare(task, ["scripted"], 0, tmp_path / "results.json", tmp_path))
    count = len(tried)
    assert list(comparing.compare(task, ["scripted"], 0, tmp_path / "results.json", tmp_path)) == first
    assert len(tried) == count


def test_what_is_missing_is_reported_before_anything_is_measured(
    tried: list[Job], monkeypatch: pytest.MonkeyPatch, task: Task, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNCODEC_PYTHON", str(tmp_path / "python"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    rows = comparing.compare(task, ["scripted", "NNC", "int8, PTQ"], 0, tmp_path / "results.json", tmp_path)
    with pytest.raises(Missing, match=r"(?s)torchao is not installed.*NNCODEC_PYTHON names no"):
        next(rows)
    assert not tried
    assert len(list(comparing.compare(task, ["scripted"], 0, tmp_path / "results.json", tmp_path))) == 1


def test_a_network_that_others_start_from_is_trained_again_if_its_file_is_missing(
    tried: list[Job], monkeypatch: pytest.MonkeyPatch, task: Task, tmp_path: Path
) -> None:
    monkeypatch.setitem(TECHNIQUES, TUNED, TECHNIQUES["scripted"])
    monkeypatch.setitem(TECHNIQUES, "rounded", Technique(TECHNIQUES["dense"].make, rates=(1.0,), tuned=True))
    for build in (tmp_path / "first", tmp_path / "second"):
        results = tmp_path / f"{build.name}.json"
        if build.name == "second":
            rows = report.recorded(tmp_path / "first.json")
            results.write_text(json.dumps({key: row for key, row in rows.items() if "rounded" not in key}))
        list(comparing.compare(task, ["rounded"], 0, results, build))
        assert list(build.glob("*trained-further*"))
    assert tried[-1].rate == 3.0
    assert len(tried) == 7  # five trials and two results


def test_validation_samples_are_not_trained_on() -> None:
    task = TASKS["digits"]
    pixels, labels = task.whole.validation.tensors
    known = {image.numpy().tobytes() for image in task.data(False).train.tensors[0]}
    assert len(pixels) == len(labels) > 50
    assert sum(image.numpy().tobytes() in known for image in pixels) == 0


def test_sizes_at_a_metric_are_interpolated() -> None:
    cells = [report.Cell([{"bytes": nbytes, "metric": metric}]) for nbytes, metric in ((1000, 90.0), (4000, 98.0))]
    assert report._at(cells, 94.0) == "2.0 kB"
    assert report._at(cells, 89.0) == "≤ 1.0 kB"
    assert report._at(cells, 99.0) == "–"


def test_the_page_matches_the_results() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page.split(report.BEGIN)[1].split(report.END)[0] == f"\n{report.section()}"


def test_the_report_says_that_a_technique_does_not_support_a_network(tmp_path: Path) -> None:
    found = {"bytes": 1000, "native": 1000, "metric": 90.0, "samples": 5}
    rows = {"digits, dense, seed 0": found, f"digits, {TUNED}, seed 0": found}
    rows["digits, int8, PTQ, seed 0"] = {"unreachable": "torchao: no running statistics"}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(rows))
    assert "\n| int8, PTQ | not supported | | – | – | – | – | – |\n" in report.section(path)
    report.draw(path, tmp_path / "picture.png")


def test_a_technique_has_the_same_color_in_all_plots() -> None:
    figure = report.plots(report.RESULTS)
    colors: dict[Any, set[Any]] = {}
    for axes in figure.axes:
        for line in axes.lines:
            colors.setdefault(line.get_label(), set()).add(line.get_color())
    assert len(figure.axes) > 1
    assert all(len(found) == 1 for found in colors.values())
    assert {text.get_text() for text in figure.legends[0].get_texts()} == set(colors)


def test_torchao_does_not_support_normalization_without_running_statistics(task: Task) -> None:
    pytest.importorskip("torchao")
    model = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)), torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2, track_running_stats=False)
    )
    with pytest.raises(Unreachable, match="torchao"):
        integers._prepared(job(task, "int8, PTQ"), model, training=False)


def test_every_result_loads_in_kotlin() -> None:
    for key, row in report.recorded(report.RESULTS).items():
        assert "unreachable" in row or row["kotlin"], key
    assert TUNED in TECHNIQUES
