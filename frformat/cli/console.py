"""The console for tables and progress bars; imported only when one is shown, because rich takes time to load."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import NoReturn

from rich.console import Console


class PlainConsole(Console):
    """A console that does not interpret markup, and raises on a broken pipe like any other stream."""

    def __init__(self, *, stderr: bool, width: int | None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
        if not self.width:  # COLUMNS=0, with which rich would print nothing
            self.width = get_terminal_size().columns

    def on_broken_pipe(self) -> NoReturn:
        """Raise the error that rich would hide: the reader of the output has closed the pipe."""
        raise BrokenPipeError
