"""Run every script in ``examples/``, each in an empty folder."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parent.parent / "examples"
EXPECTED = {
    "compress.py": r"exact: [\d,]+ bytes, 9\d\.\d % accuracy\nsmall: (?:\d{3}|1,0\d\d) bytes, 9\d\.\d % accuracy",
    "train.py": r"digits\.frz: 9,610 weights in [\d,]+ bytes, 9\d\.\d % accuracy",
    "tiers.py": r"(tier \d: the first [\d,]+ bytes, 9\d\.\d % accuracy\n?){3}",
    "phone.py": r"model\.ptl: [\d,]+ bytes, model\.frz: [\d,]+ bytes\nlargest difference .*: \d\.\de[-+]\d\d",
}


def test_every_script_has_a_test() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    assert re.fullmatch(EXPECTED[name], capsys.readouterr().out.strip())
