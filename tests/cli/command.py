"""Run the command line in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from typing import Any

from frformat.cli import main


@dataclass(frozen=True)
class Outcome:
    """The result of a command: its exit code and its output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def frformat(*args: str | os.PathLike[str]) -> Outcome:
    """Run ``frformat ARGS``."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            main([os.fspath(arg) for arg in args])
            code = 0
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    out, err = (stream.buffer.getvalue().decode() for stream in streams)
    return Outcome(code, out, err)


def refused(*args: str | os.PathLike[str]) -> str:
    """Run a command that must fail, and return its single line of output."""
    outcome = frformat(*args)
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("frformat: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    return outcome.err[len("frformat: ") : -1]
