"""Where data sets are: one folder for each, in a folder for all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from frformat.train.data.errors import MissingDataError

VARIABLE: Final = "FRFORMAT_DATA"
DEFAULT: Final = Path("..", "shared", "data")
"""Relative to the current directory."""


def locate(name: str, needed: Sequence[str], *, origin: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Find a data set.

    Args:
        name: of the set and its folder.
        needed: the files and folders in it that will be read.
        origin: how to get the set, a sentence.
        folder: the folder of all sets; else the one that ``FRFORMAT_DATA`` names, else ``../shared/data``.

    Returns:
        The set's folder; all that is needed is there.

    Raises:
        MissingDataError: something is not.
    """
    if folder is not None:
        root, reason = Path(folder), "the folder given"
    elif os.environ.get(VARIABLE):
        root, reason = Path(os.environ[VARIABLE]), f"the folder that {VARIABLE} names"
    else:
        root, reason = DEFAULT, f"the default; {VARIABLE} names another"
    found = root / name
    missing = [item for item in needed if not (found / item).exists()]
    if missing:
        where = f"{os.path.abspath(found)} ({root} is {reason})"
        raise MissingDataError(f"the data set {name} needs {', '.join(missing)} in {where}. {origin}")
    return found
