"""Every ``frformat`` command in the documentation has a valid syntax. Those of the README are also run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from frformat.cli import main

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
COMMANDS = sorted(
    {
        line.removeprefix("$").split(" #")[0].strip()
        for page in PAGES
        for line in re.findall(r"^    (\$? ?frformat .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_documented_commands_are_valid(line: str):
    _, name, *arguments = shlex.split(line)
    assert isinstance(main, click.Group)
    context = click.Context(main, **main.context_settings)  # Click caches each command's help option from its first use
    command = main.get_command(context, name)
    assert command is not None
    command.make_context(name, arguments, parent=context)


def test_there_are_documented_commands():
    assert len(COMMANDS) > 20
