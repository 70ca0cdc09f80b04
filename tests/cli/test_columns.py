"""Tables that are never held in memory as a whole: one pass over the rows measures them, another prints them."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

import click
import pytest
from rich.cells import cell_len

from frformat.cli import columns, terminal


def test_widths_and_values_shared_by_all_rows():
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


NAMES = [
    ["encoder.layers.0.weight", "64×32×3×3", "adaptive", "17"],
    ["名前", "7", "deflate", "1,024"],
    ["tied → 名前", None, None, None],
]


def in_terminal(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of a table of :data:`NAMES` in a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    titles = ["tensor", "shape", "coder", "bytes"]
    columns.show(titles, NAMES, columns.measure(NAMES, 4).widths, left=["coder"], total=["in all", "", "", "1,041"])
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert max(map(cell_len, lines)) <= width
    return lines


def test_a_narrow_terminal_has_narrow_gaps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    assert in_terminal(51, monkeypatch, capsys)[0] == "tensor                       shape  coder     bytes"
    for width in (50, 48):
        assert in_terminal(width, monkeypatch, capsys)[0] == "tensor                      shape coder    bytes"


def test_in_a_narrower_terminal_names_have_their_own_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for width in (47, 28):
        assert in_terminal(width, monkeypatch, capsys) == [
            "tensor",
            "      shape  coder     bytes",
            "─" * 28,
            "encoder.layers.0.weight",
            "  64×32×3×3  adaptive     17",
            "名前",
            "          7  deflate   1,024",
            "tied → 名前",
            "",
            "in all",
            "                       1,041",
        ]


def test_in_the_narrowest_terminal_names_are_folded_and_numbers_span_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert in_terminal(20, monkeypatch, capsys)[:7] == [
        "tensor",
        "      shape coder",
        "  bytes",
        "─" * 20,
        "encoder.layers.0.wei",
        "ght",
        "  64×32×3×3 adaptive",
    ]


def test_long_tables_and_arrays_are_streamed(monkeypatch: pytest.MonkeyPatch):
    def rows() -> Iterator[list[str]]:
        return ([str(number), "x" * 100] for number in range(20_000))

    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        monkeypatch.setattr("sys.stdout", nowhere)
        tracemalloc.start()
        try:
            columns.show(["a", "b"], rows(), columns.measure(rows(), 2).widths)
            terminal.print_json({"n": 1}, {"rows": rows()})
            assert tracemalloc.get_traced_memory()[1] < 3 << 19  # a list of the rows alone takes 2.6 MB
        finally:
            tracemalloc.stop()
