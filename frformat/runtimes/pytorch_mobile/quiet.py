"""Suppress warnings about known deprecations."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress the warnings that TorchScript and its lite interpreter are deprecated, since phones still run them."""
    with warnings.catch_warnings():
        for what in (r".*torch\.jit\..* is deprecated", "Lite Interpreter is deprecated"):
            for category in (DeprecationWarning, FutureWarning):
                warnings.filterwarnings("ignore", what, category)
        yield
