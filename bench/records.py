"""Keep measured results in a file, so that a benchmark continues where it was interrupted."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from frformat.format.atomic import replacing

Result = dict[str, Any]


def recorded(path: Path) -> dict[str, Result]:
    """Return all results in a file, by key; an empty dict if the file does not exist."""
    found: dict[str, Result] = json.loads(path.read_text()) if path.exists() else {}
    return found


def kept(path: Path, key: str, measure: Callable[[], Result]) -> Result:
    """Return the recorded result. If there is none, measure and record it first. Several processes can record results
    in the same file at the same time."""
    known = recorded(path)
    if key not in known:
        result = measure()
        with _locked(path.parent):
            known = recorded(path) | {key: result}  # read again: other processes may have recorded results
            lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
            with replacing(path) as file:
                file.write(f"{{\n{lines}\n}}\n".encode())
    return known[key]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder, so that only one process at a time records results in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
