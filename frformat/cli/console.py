"""The console that tables and progress bars go to; imported only where one is shown, since rich takes time to load."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


class PlainConsole(Console):
    """A console that takes no text for markup, and leaves a broken pipe to its caller as any other stream does."""

    def __init__(self, *, stderr: bool, width: int | None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> NoReturn:
        """Called by rich where the reader of the output went away."""
        raise BrokenPipeError
