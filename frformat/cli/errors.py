"""How errors become text and exit codes: one line on stderr, or with ``--json`` an object on stdout, no traceback."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from frformat.cli.terminal import clean, print_json
from frformat.errors import PACKAGES, DependencyError, EncodeError, FrzError
from frformat.parity.errors import ReportError

DIFFERENT: Final = 1
"""Exit code of ``diff`` and ``compare`` when there are differences."""

TROUBLE: Final = 2
"""Exit code of every error."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""

BROKEN_PIPE: Final = 141
"""Exit code when the reader of the output went away: 128 + SIGPIPE."""

CAUGHT: Final = (FrzError, EncodeError, ReportError, DependencyError, OSError, MemoryError)
"""What a command may raise, beside click's own errors; anything else is a defect of frformat."""


def as_dict(error: Exception) -> dict[str, Any]:
    """What ``--json`` says of an error.

    Returns:
        ``code`` (one of the format's, or ``ENCODE``, ``REPORT``, ``DEPENDENCY``, ``IO``, ``MEMORY``, ``USAGE``),
        ``reason``, ``file``, ``tensor`` and ``offset`` (in bytes, in the file), the last three None where they do not
        apply.

    Raises:
        Exception: ``error`` itself, if it is neither one of :data:`CAUGHT` nor one of click's.
    """
    file, tensor, offset = None, None, None
    if isinstance(error, FrzError):
        code, reason, file, tensor, offset = error.code, error.reason, error.path, error.tensor, error.offset
    elif isinstance(error, EncodeError):
        code, reason = "ENCODE", str(error)
    elif isinstance(error, ReportError):
        code, reason = "REPORT", str(error)
    elif isinstance(error, DependencyError):
        code, reason = "DEPENDENCY", str(error)
    elif isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in PACKAGES:
        code, reason = "DEPENDENCY", str(DependencyError("this command", error))
    elif isinstance(error, OSError):
        code, reason = "IO", error.strerror or str(error)
        file = None if error.filename is None else os.fsdecode(error.filename)
    elif isinstance(error, MemoryError):
        code, reason = "MEMORY", "there is not enough memory; a smaller --memory-budget says so before it is taken"
    elif isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        help = f". Try '{context.command_path} --help'." if context else ""
        code, reason = "USAGE", error.format_message().rstrip(".") + help
    else:
        raise error
    return {"code": code, "reason": reason, "file": file, "tensor": tensor, "offset": offset}


def line(error: Exception) -> str:
    """An error as one line that is safe for a terminal. Raises what :func:`as_dict` raises."""
    facts = as_dict(error)
    parts = (facts["file"], facts["code"], facts["reason"])
    text = str(error) if isinstance(error, FrzError) else ": ".join(part for part in parts if part)
    return clean(f"frformat: {text}")


def report(error: Exception, as_json: bool) -> int:
    """Tell the user of an error and return the exit code. Raises what :func:`as_dict` raises."""
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if as_json:
        print_json({"error": as_dict(error)})
    else:
        click.echo(line(error), err=True)
    return TROUBLE


def silence_output() -> None:
    """Send what stdout still buffers nowhere, so that Python does not complain of a broken pipe when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
