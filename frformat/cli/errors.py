"""Turn errors into text and exit codes: one line on stderr, or with ``--json`` an object on stdout; no traceback.

Warnings are one line on stderr, too.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from frformat.cli import streams
from frformat.cli.terminal import echo, print_json
from frformat.errors import PACKAGES, DependencyError, EncodeError, FrzError, LoadError, ReadError, ReportError
from frformat.wording import clean

PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
"""The folder of this package's code."""

DIFFERENT: Final = 1
"""Exit code of ``diff`` and ``compare`` if there are differences."""

TROUBLE: Final = 2
"""Exit code of all errors."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as in shells."""

CAUGHT: Final = (FrzError, EncodeError, LoadError, ReportError, DependencyError, OSError, MemoryError)
"""The errors that a command can raise, besides click's own; any other exception is a defect of frformat."""


@dataclass(frozen=True)
class ErrorFacts:
    """The ``--json`` output for an error.

    Attributes:
        code: a code of the format, a kind of :class:`frformat.errors.LoadError`, or ``READ``, ``ENCODE``, ``REPORT``,
            ``DEPENDENCY``, ``IO``, ``MEMORY``, ``USAGE``.
        reason: what is wrong, and what to do.
        file: the file concerned, or None.
        tensor: the tensor concerned, or None.
        offset: the byte offset in the file, or None.
    """

    code: str
    reason: str
    file: str | None = None
    tensor: str | None = None
    offset: int | None = None


def facts(error: Exception) -> ErrorFacts:
    """Return the description of an error.

    Raises:
        Exception: ``error`` itself, if it is neither one of :data:`CAUGHT` nor one of click's.
    """
    file, tensor, offset = None, None, None
    if isinstance(error, FrzError):
        code, reason, file, tensor, offset = error.code, error.reason, error.path, error.tensor, error.offset
    elif isinstance(error, ReadError):
        code, reason, file, tensor = "READ", error.reason, error.path, error.tensor
    elif isinstance(error, EncodeError):
        code, reason = "ENCODE", str(error)
    elif isinstance(error, LoadError):
        code, reason = error.kind, error.problem
    elif isinstance(error, ReportError):
        code, reason = "REPORT", str(error)
    elif isinstance(error, DependencyError):
        code, reason = "DEPENDENCY", str(error)
    elif isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in PACKAGES:
        code, reason = "DEPENDENCY", str(DependencyError("this command", error))
    elif isinstance(error, OSError):
        # Once an error has a file name, str() shows its errno and strerror even if it was raised with neither.
        code, reason = "IO", error.strerror or ": ".join(map(str, error.args)) or type(error).__name__
        file = None if error.filename is None else os.fsdecode(error.filename)
    elif isinstance(error, MemoryError):
        code, reason = "MEMORY", "there is not enough memory; a smaller --memory-budget detects this in advance"
    elif isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        code, reason = "USAGE", error.format_message().rstrip(".")
        if isinstance(error, click.NoSuchOption) and error.possibilities:
            reason = f"No such option {error.option_name!r}. Did you mean {' or '.join(error.possibilities)}?"
        if context:  # some messages end in a question
            end = "" if reason.endswith("?") else "."
            reason += f"{end} Try '{context.command_path} --help'."
    else:
        raise error
    return ErrorFacts(code, reason, file, tensor, offset)


def line(error: Exception) -> str:
    """Format an error as one line that is safe for a terminal. Raises the same exceptions as :func:`facts`."""
    told = facts(error)
    tensor = f"tensor {told.tensor!r}: " if told.tensor is not None else ""
    parts = (told.file, told.code, tensor + told.reason)
    text = str(error) if isinstance(error, FrzError) else ": ".join(part for part in parts if part)
    return clean(f"frformat: {text}")


def report(error: Exception, as_json: bool) -> int:
    """Report an error to the user and return the exit code. Raises the same exceptions as :func:`facts`."""
    if isinstance(error, click.Abort):
        return INTERRUPTED
    try:
        if as_json:
            print_json({"error": facts(error)})
        else:
            echo(line(error), err=True)
        sys.stdout.flush()
    except OSError:  # there is no way to report it, or the output itself failed
        streams.silence()
        if as_json:
            echo(line(error), err=True)
    return TROUBLE


@contextmanager
def short_warnings() -> Iterator[None]:
    """Within a ``with`` block, print warnings of this package on one line, without the code that issued them."""
    usual = warnings.formatwarning

    def short(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if category is UserWarning and os.path.abspath(filename).startswith(PACKAGE):
            return clean(f"frformat: warning: {message}") + "\n"
        return usual(message, category, filename, lineno, line)

    warnings.formatwarning = short
    try:
        yield
    finally:
        warnings.formatwarning = usual
