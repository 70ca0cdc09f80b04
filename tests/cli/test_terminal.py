from __future__ import annotations

import errno
import io
import json
import math

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from frformat.cli import errors, terminal
from frformat.cli.files import InputFile
from frformat.errors import EncodeError, FrzError
from frformat.wording import clean, count


@given(st.text())
def test_clean_text_is_printable_and_on_one_line(text: str):
    cleaned = clean(text)
    assert cleaned.isprintable()
    if text.isprintable():
        assert cleaned == text


def test_escaped_characters():
    assert clean("a\x1b[31m\r\n\u202e\u2066\x9b\ufeff\U000e0041é名") == (
        r"a\x1b[31m\r\n\u202e\u2066\x9b\ufeff\U000e0041é名"
    )


def test_counts_and_shapes():
    assert count(1234567) == "1,234,567"
    assert count(1, "byte") == "1 byte"
    assert count(0, "alias", "aliases") == "0 aliases"
    assert terminal.dims((64, 3, 3)) == "64×3×3"
    assert terminal.dims(()) == "scalar"


def test_json_contains_no_infinities_or_nans(capsys: pytest.CaptureFixture[str]):
    terminal.print_json({"a": [float("nan"), (float("inf"), -float("inf"))], "\u202e": 1})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"a": ["NaN", ["Infinity", "-Infinity"]], "\u202e": 1}


def test_json_of_dataclasses_and_of_iterators(capsys: pytest.CaptureFixture[str]):
    facts = InputFile("x.pt", 7)
    parts = ({"count": 2, "input": facts}, {"items": iter([facts, {"nan": math.nan}]), "none": iter([])})
    terminal.print_json(facts, *parts)
    out = capsys.readouterr().out
    told = {"file": "x.pt", "bytes": 7}
    assert json.loads(out) == told | {"count": 2, "input": told, "items": [told, {"nan": "NaN"}], "none": []}
    assert '    {"file": "x.pt", "bytes": 7},\n' in out  # each element of an iterator is on its own line
    terminal.print_json(facts)
    assert json.loads(capsys.readouterr().out) == told


def test_tables_ignore_markup_and_cut_nothing(capsys: pytest.CaptureFixture[str]):
    table = terminal.table("name", "value", left=["name"])
    table.add_row("[bold]x[/bold] :smile: " + "y" * 300, "1")
    terminal.show(table)
    out = capsys.readouterr().out
    assert "[bold]x[/bold] :smile: " + "y" * 300 + "      1" in out


def test_a_narrow_terminal_breaks_no_cell(monkeypatch: pytest.MonkeyPatch):
    screen = Console(force_terminal=True, width=30, record=True, quiet=False)
    monkeypatch.setattr(terminal, "console", lambda: screen)
    table = terminal.table("name", "value")
    table.add_row("n" * 100, "1" * 40)
    terminal.show(table)
    assert "n" * 100 + "  " + "1" * 40 in screen.export_text().splitlines()


def _named(error: OSError, path: str) -> OSError:
    """Add a file name to an error, as the commands do."""
    error.filename = path
    return error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            FrzError("CHECKSUM", "it is damaged", path="a.frz", tensor="w\u202e", offset=12),
            r"frformat: a.frz: CHECKSUM: it is damaged (tensor 'w\u202e', byte 12)",
        ),
        (EncodeError("tensor 'x': no"), "frformat: ENCODE: tensor 'x': no"),
        (FileNotFoundError(errno.ENOENT, "No such file", "b.frz"), "frformat: b.frz: IO: No such file"),
        (OSError("disk on fire"), "frformat: IO: disk on fire"),
        (_named(OSError("disk on fire"), "b.frz"), "frformat: b.frz: IO: disk on fire"),
        (_named(io.UnsupportedOperation("seek"), "b.frz"), "frformat: b.frz: IO: seek"),
        (OSError(), "frformat: IO: OSError"),
        (OSError(errno.EIO, "I/O error", b"c\xff"), r"frformat: c\udcff: IO: I/O error"),
        (click.ClickException("no\nway"), r"frformat: USAGE: no\nway"),
    ],
)
def test_errors_take_one_line(error: Exception, line: str):
    assert errors.line(error) == line
    facts = errors.facts(error)
    assert set(vars(facts)) == {"code", "reason", "file", "tensor", "offset"}
    assert facts.reason


def test_a_defect_remains_an_exception():
    with pytest.raises(KeyError):
        errors.facts(KeyError("x"))
