"""Access to data outside the repository; tests that need missing data are skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FRFORMAT_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))


def data_file(name: str) -> Path:
    """Return a file of the data folder, or skip the test."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} does not exist: set FRFORMAT_DATA to a folder that contains {name}")
    return path
