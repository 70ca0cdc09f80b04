from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.kinds import made, outcome, run
from tests.fuzz.registry import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_yield_data_or_one_error(name: str, tmp_path: Path):
    """`python -m tests.fuzz` reads more of them."""
    defects: list[str] = []
    outcomes = run(KINDS, tmp_path, {name: 150}, 0, lambda _, number, error: defects.append(f"{number}: {error!r}"))
    assert defects == []
    assert outcomes.total() - outcomes[f"{name}: read"] > 20


@pytest.mark.parametrize("name", KINDS)
def test_intact_files_are_read(name: str, tmp_path: Path):
    (tmp_path / "file").write_bytes(KINDS[name].whole)
    assert outcome(KINDS[name], tmp_path / "file") == "read"


def test_damage_depends_on_kind_seed_and_number_alone():
    kind = KINDS["npz"]
    assert made(kind, "npz", 0, 7) == made(kind, "npz", 0, 7) != made(kind, "npz", 1, 7)
