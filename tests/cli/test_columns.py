"""Tables that are never held in memory as a whole: one pass over the rows measures them, another prints them."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

import pytest

from frformat.cli import columns, terminal


def test_widths_and_what_all_rows_share():
    rows = [["a", "f32", "", "1"], ["名前", "f32", "", "22"], ["alias", None, None, None]]
    found = columns.measure(rows, 4)
    assert (found.rows, found.widths) == (3, [5, 3, 0, 2])
    assert found.common == [None, "f32", "", None]
    assert columns.measure([], 2) == columns.Measured(0, [0, 0], [None, None])


def test_a_table(capsys: pytest.CaptureFixture[str]):
    columns.show(
        ["name", "kind", "n"], [["a", "x", "1"], ["名前", "yy", "1,000"], ["b → a", None, None]], [5, 2, 5],
        left=["kind"], total=["in all", "", "1,001"],
    )  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        "name    kind      n",
        "───────────────────",
        "a       x         1",
        "名前    yy    1,000",
        "b → a",
        "",
        "in all        1,001",
    ]


def test_a_narrow_terminal_folds_the_first_column_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    columns.show(["name", "n"], [["n" * 50 + "名", "1" * 20]], [52, 20])
    lines = [line for line in capsys.readouterr().out.splitlines() if "n" in line or "名" in line]
    assert lines[1:] == ["n" * 24 + "  " + "1" * 20, "n" * 24, "nn名"]


def test_long_tables_and_arrays_take_no_memory(monkeypatch: pytest.MonkeyPatch):
    def rows() -> Iterator[list[str]]:
        return ([str(number), "x" * 100] for number in range(20_000))

    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        monkeypatch.setattr("sys.stdout", nowhere)
        tracemalloc.start()
        try:
            columns.show(["a", "b"], rows(), columns.measure(rows(), 2).widths)
            terminal.print_json({"n": 1}, {"rows": rows()})
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
