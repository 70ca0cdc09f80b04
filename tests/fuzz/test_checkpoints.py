from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.checkpoints import made, read, run, wholes


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", wholes())
def test_damaged_checkpoints_end_in_tensors_or_in_one_error(kind: str, tmp_path: Path):
    """`python -m tests.fuzz` reads more of them."""
    defects: list[str] = []
    outcomes = run(tmp_path, {kind: 150}, 0, lambda _, number, error: defects.append(f"{number}: {error!r}"))
    assert defects == []
    assert set(outcomes) <= {f"{kind}: read", f"{kind}: ReadError"}
    assert outcomes[f"{kind}: ReadError"] > 30


@pytest.mark.parametrize("kind", wholes())
def test_whole_files_are_read(kind: str, tmp_path: Path):
    whole, _ = wholes()[kind]
    (tmp_path / "file").write_bytes(whole)
    assert read(tmp_path / "file") == "read"


def test_damage_depends_on_kind_seed_and_number_alone():
    whole = wholes()["npz"]
    assert made(*whole, "npz", 0, 7) == made(*whole, "npz", 0, 7) != made(*whole, "npz", 1, 7)
