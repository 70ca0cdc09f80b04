"""Describe reports of the suite as rows of text, for the terminal and for a page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from frformat.parity.suite.report import Learning, SuiteReport, Variant
from frformat.parity.words import Row, number
from frformat.wording import count

SCORE_COLUMNS: Final = (
    "report", "runtime", "speed-up over dense", "files smaller by", "memory smaller by", "networks that count",
)  # fmt: skip
EXCLUDED_COLUMNS: Final = ("report", "runtime", "network", "does not count because")
ENDED_COLUMNS: Final = ("report", "runtime", "test", "ended because")
NETWORK_COLUMNS: Final = (
    "network", "runtime", "variant", "files", "load, ms", "first run, ms", "median, ms", "90 %, ms", "memory, MiB",
    "Java heap, MiB", "error", "score", "speed-up",
)  # fmt: skip
APP_COLUMNS: Final = ("application", "runtime", "requested, 1/s", "dense, 1/s", "scheduled, 1/s", "chosen variant")
MEMORY_COLUMNS: Final = ("runtime", "variant", "limit, MiB", "pixels", "peak, MiB")
HEAT_COLUMNS: Final = ("test", "runtime", "temperature, °C", "throttling", "thermal headroom")

LEARNING: Final = "learning on the device"
SHARING: Final = "several applications at once"
GROWING: Final = "growing resolutions"


def names(reports: Sequence[SuiteReport]) -> list[str]:
    """Return a short name for each report: its file name, or its path where file names repeat."""
    short = [os.path.basename(report.path) for report in reports]
    return [name if short.count(name) == 1 else report.path for name, report in zip(short, reports, strict=True)]


def verdict(reports: Sequence[SuiteReport]) -> str:
    """Describe in one sentence whether every test ran, and every error is within its tolerance."""
    runs: list[Variant | Learning] = []
    for report in reports:
        runs += [variant for run in report.networks for variant in run.variants]
        runs += [report.learning] if report.learning else []
    shared = [each for report in reports for each in report.sharing]
    failed = sum(each.failure is not None for each in (*runs, *shared))
    wrong = sum(each.failure is None and not each.sound for each in runs)
    text = f"{count(len(reports), 'report')}, {count(len(runs) + len(shared), 'result')}"
    if failed or wrong:
        return f"{text}: {failed} failed, {wrong} with an error above the tolerance"
    return f"{text}, all within their tolerances"


def score_rows(reports: Sequence[SuiteReport]) -> Iterator[Row]:
    """Yield one row for each report and runtime."""
    for name, report in zip(names(reports), reports, strict=True):
        for score in report.scores:
            total = len(score.counted) + len(score.excluded)
            ratios = (times(value) for value in (score.speedup, score.bytes_ratio, score.memory_ratio))
            yield name, score.runtime, *ratios, f"{len(score.counted)} of {total}"


def excluded_rows(reports: Sequence[SuiteReport]) -> Iterator[Row]:
    """Yield one row for each network that does not count toward the score of a runtime."""
    for name, report in zip(names(reports), reports, strict=True):
        for score in report.scores:
            for network, reason in score.excluded.items():
                yield name, score.runtime, network, reason


def ended_rows(reports: Sequence[SuiteReport]) -> Iterator[Row]:
    """Yield one row for each test, other than those of networks, that failed or ended early."""
    for name, report in zip(names(reports), reports, strict=True):
        if report.learning and report.learning.failure is not None:
            yield name, "", LEARNING, report.learning.failure
        for shared in report.sharing:
            if shared.failure is not None:
                yield name, shared.runtime, SHARING, shared.failure
        for growth in report.memory:
            for variant, failure in growth.failures.items():
                yield name, growth.runtime, f"{GROWING}, {variant}", failure


def across_rows(reports: Sequence[SuiteReport], key: str) -> Iterator[Row]:
    """Yield one row for each variant of a network on a runtime, with one number per report; empty if it has none."""
    found: dict[Row, dict[int, str]] = {}
    for index, report in enumerate(reports):
        for run in report.networks:
            for variant in run.variants:
                value = variant.against_dense.get(key) if key == "speedup" else variant.numbers.get(key)
                if value is not None:
                    text = times(value) if key == "speedup" else number(value)
                    found.setdefault((run.network, run.runtime, variant.name), {})[index] = text
    for row, values in found.items():
        yield *row, *(values.get(index, "") for index in range(len(reports)))


def network_rows(report: SuiteReport) -> Iterator[Row]:
    """Yield one row for each variant of a network on a runtime."""
    for run in report.networks:
        for variant in run.variants:
            yield run.network, run.runtime, variant.name, *_measured(variant, run.metric)


def _measured(variant: Variant, metric: str) -> Row:
    found = variant.numbers
    size = f"{found['file_bytes']:,.0f}"
    if variant.failure is not None:
        return size, variant.failure, *[""] * 8
    memory = (mebibytes(found.get(name)) for name in ("native_bytes", "heap_bytes"))
    spent = (number(found[name]) for name in ("load_ms", "first_ms", "median_ms", "p90_ms"))
    score = f"{metric} {number(found['score'], 4)}"
    return size, *spent, *memory, number(found["error"]), score, times(variant.against_dense.get("speedup"))


def app_rows(report: SuiteReport) -> Iterator[Row]:
    """Yield one row for each of several concurrent applications."""
    for shared in report.sharing:
        for app in shared.apps:
            rates = (number(rate) for rate in (app.goal_fps, app.dense_fps, app.scheduled_fps))
            yield app.network, shared.runtime, *rates, app.variant


def memory_rows(report: SuiteReport) -> Iterator[Row]:
    """Yield one row for each resolution of the memory test."""
    for growth in report.memory:
        for variant, steps in growth.series.items():
            for pixels, peak in steps:
                yield growth.runtime, variant, mebibytes(growth.limit), f"{pixels:,}", mebibytes(peak)


def heat_rows(report: SuiteReport) -> Iterator[Row]:
    """Yield one row for each test during which the heat of the device is known."""
    found = [(run.network, run.runtime, run.heat) for run in report.networks]
    found += [(LEARNING, "", report.learning.heat)] if report.learning else []
    found += [(SHARING, each.runtime, each.heat) for each in report.sharing]
    for test, runtime, heat in found:
        if heat.known:
            yield test, runtime, number(heat.temperature), heat.status or "", number(heat.headroom)


def about_rows(report: SuiteReport) -> Iterator[Row]:
    """Yield the device, the settings, and the results that are single numbers."""
    for key, value in report.about.items():
        yield key.replace(".", " ").replace("_", " "), str(value)
    yield "threads", str(report.threads)
    yield "form", "short" if report.short else "complete"
    yield "duration", f"{report.seconds:.0f} s"
    for growth in report.memory:
        if growth.pixel_ratio is not None:
            ratio, limit = times(growth.pixel_ratio), mebibytes(growth.limit)
            yield f"pixels within {limit} MiB, {growth.runtime}", f"{ratio} those of the dense network"
    for shared in report.sharing:
        if shared.capacity is not None:
            yield f"dense networks at a time, {shared.runtime}", number(shared.capacity)
    if report.learning and report.learning.failure is None:
        learned = report.learning.numbers
        text = f"score {number(learned['score'], 4)}, one input {number(learned['median_ms'])} ms"
        yield LEARNING, f"{text}, error {number(learned['error'])}"


def times(value: float | None) -> str:
    """Format a ratio: ``1.59 ×``; empty for None."""
    return "" if value is None else f"{number(value)} ×"


def mebibytes(value: float | None) -> str:
    """Format bytes as MiB; empty for None."""
    return "" if value is None else number(value / 2**20)
