"""Prepare the standard streams and signals, so that commands handle closed streams and termination cleanly."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from types import FrameType
from typing import Final

BROKEN_PIPE: Final = 141
"""Exit code if the reader of the output has closed the pipe: 128 + SIGPIPE."""

ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a command after it has removed temporary files; the exit code is 128 + the signal number."""


def prepare() -> None:
    """Make the streams writable, and make signals end the command cleanly.

    Characters that a terminal cannot show must not cause an error. A closed stream (``>&-``) is replaced with a sink:
    otherwise, the next file that is opened would get its descriptor.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115
        elif number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)


def silence() -> None:
    """Discard what standard output still buffers, so that Python does not complain about it at exit."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # a stream in memory
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _end(number: int, _: FrameType | None) -> None:
    """Exit through every ``finally`` block, which removes temporary files."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
