"""Templates of real files, recorded by ``android-decoder/template/src/test/resources/make.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from frformat.runtimes.template import fill
from frformat.runtimes.template.files import parse
from tests.runtimes.template import synthetic

RECORDED = Path(__file__).parents[3] / "android-decoder" / "template" / "src" / "test" / "resources"


@pytest.mark.parametrize("name", ["tiny.tflite", "tiny.pte"])
def test_filled_files_equal_exported_files(name: str):
    assert fill(RECORDED / f"{name}.frt", RECORDED / "tiny.frz") == (RECORDED / name).read_bytes()
    layout, _ = parse((RECORDED / f"{name}.frt").read_bytes())
    assert len(layout.places) == 6
    assert bool(layout.digests) == (name == "tiny.pte")


def test_synthetic_files():
    assert parse((RECORDED / "synthetic.frt").read_bytes())[0] == parse(synthetic.template())[0]
    for weights, filled in [("synthetic.frz", "synthetic.bin"), ("half.frz", "half.bin")]:
        assert fill(RECORDED / "synthetic.frt", RECORDED / weights) == (RECORDED / filled).read_bytes()
