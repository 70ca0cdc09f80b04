"""Call exporters of other projects: suppress what they print, and explain their errors."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final

LONGEST: Final = 300
"""Maximum number of characters to quote from a message. Some exporters put very long expressions in theirs."""


def reason(error: BaseException) -> str:
    """Return the type of an error's original cause, and the first line of its message."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    first = lines[0] if len(lines[0]) <= LONGEST else f"{lines[0][:LONGEST]} …"
    return f"{type(error).__name__}: {first}"


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress the exporter's warnings, logs and other text on stdout and stderr, which are about its internals."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
