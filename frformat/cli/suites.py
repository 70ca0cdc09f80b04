"""``frformat compare`` for reports of the benchmark suite."""

from __future__ import annotations

from dataclasses import asdict

from frformat.cli import columns, errors, terminal
from frformat.cli.output import writing
from frformat.cli.terminal import print_json
from frformat.parity.suite import SuiteReport, read_suite_report, words
from frformat.wording import clean


def compare_suites(paths: list[str], html: str | None, force: bool, as_json: bool) -> int:
    """Show reports of the suite next to each other; return the exit code."""
    reports = [read_suite_report(path) for path in paths]
    if html:
        from frformat.format.atomic import replacing
        from frformat.parity.suite.page import page

        with writing(html, force) as target, replacing(target) as file:
            file.write(page(reports).encode())
    if as_json:
        print_json([asdict(report) for report in reports])
    else:
        _show(reports)
    return 0 if all(report.sound for report in reports) else errors.DIFFERENT


def _show(reports: list[SuiteReport]) -> None:
    """Print tables of the scores, and of all reports side by side."""
    out, names = terminal.console(), words.names(reports)
    across = ("network", "runtime", "variant", *(f"speed-up, {name}" for name in names))
    parts = [
        (words.SCORE_COLUMNS, words.score_rows(reports)),
        (words.EXCLUDED_COLUMNS, words.excluded_rows(reports)),
        (words.ENDED_COLUMNS, words.ended_rows(reports)),
        (across, words.across_rows(reports, "speedup")),
    ]
    if len(reports) == 1:
        parts[3] = words.NETWORK_COLUMNS, words.network_rows(reports[0])
        parts += [
            (words.APP_COLUMNS, words.app_rows(reports[0])),
            (words.MEMORY_COLUMNS, words.memory_rows(reports[0])),
            (words.HEAT_COLUMNS, words.heat_rows(reports[0])),
            (("about", ""), words.about_rows(reports[0])),
        ]
    for titles, found in parts:
        rows = [[*map(clean, row)] for row in found]
        if rows:
            columns.show_filled(titles, rows.copy)
            out.print()
    out.print(clean(words.verdict(reports)), style="bold", soft_wrap=True)
