"""Find data sets: each has a folder within a common folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from frformat.train.data.errors import MissingDataError

VARIABLE: Final = "FRFORMAT_DATA"
DEFAULT: Final = Path("..", "shared", "data")
"""The default folder, relative to the current directory."""


def locate(name: str, needed: Sequence[str], *, origin: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Find a data set.

    Args:
        name: name of the data set and of its folder.
        needed: files and folders in it that will be read.
        origin: a sentence that says how to get the data set.
        folder: the common folder; the default is the one that ``FRFORMAT_DATA`` names, or else ``../shared/data``.

    Returns:
        The folder of the data set, which contains everything needed.

    Raises:
        MissingDataError: something is missing.
    """
    if folder is not None:
        root, reason = Path(folder), "the folder given"
    elif os.environ.get(VARIABLE):
        root, reason = Path(os.environ[VARIABLE]), f"the folder that {VARIABLE} names"
    else:
        root, reason = DEFAULT, f"the default; set {VARIABLE} to use another"
    found = root / name
    missing = [item for item in needed if not (found / item).exists()]
    if missing:
        where = f"{os.path.abspath(found)} ({root} is {reason})"
        raise MissingDataError(f"the data set {name} needs {', '.join(missing)} in {where}. {origin}")
    return found
