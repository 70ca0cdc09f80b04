"""Compare reports of the suite on one HTML page that works offline."""

from __future__ import annotations

from collections.abc import Sequence

from frformat.parity.markup import document, section, table
from frformat.parity.suite import words
from frformat.parity.suite.report import SuiteReport
from frformat.wording import count


def page(reports: Sequence[SuiteReport]) -> str:
    """Return a page: the scores, then the reports side by side, then the details of each."""
    names = words.names(reports)
    where = ("network", "runtime", "variant")
    sections = [
        section(
            "Scores: geometric means over the networks that count",
            table(words.SCORE_COLUMNS, words.score_rows(reports)),
        ),
        section("Networks that do not count", table(words.EXCLUDED_COLUMNS, words.excluded_rows(reports))),
        section("Other tests that failed or ended early", table(words.ENDED_COLUMNS, words.ended_rows(reports))),
    ]
    if len(reports) > 1:
        for title, key in (("Speed-up over dense", "speedup"), ("Median latency, ms", "median_ms")):
            sections.append(section(title, table((*where, *names), words.across_rows(reports, key))))
    for name, report in zip(names, reports, strict=True):
        unsound = [not variant.sound for run in report.networks for variant in run.variants]
        sections += [
            section(f"{name}: device", table(("", ""), words.about_rows(report))),
            section(f"{name}: networks", table(words.NETWORK_COLUMNS, words.network_rows(report), unsound)),
            section(f"{name}: several applications at once", table(words.APP_COLUMNS, words.app_rows(report))),
            section(f"{name}: growing resolutions", table(words.MEMORY_COLUMNS, words.memory_rows(report))),
            section(f"{name}: heat", table(words.HEAT_COLUMNS, words.heat_rows(report))),
        ]
    title = f"Benchmark suite: {count(len(reports), 'report')}"
    return document(title, words.verdict(reports), all(report.sound for report in reports), sections)
