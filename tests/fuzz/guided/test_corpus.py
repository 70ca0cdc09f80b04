"""Read saved inputs; this needs no fuzzer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.guided.differential import Differential, UnavailableError, agree
from tests.fuzz.guided.targets import CORPUS, TARGETS


@pytest.fixture(scope="module")
def decoders() -> Iterator[Differential]:
    try:
        decoders = Differential()
    except UnavailableError as error:
        pytest.skip(str(error))
    yield decoders
    decoders.close()


@pytest.mark.parametrize("name", ["frz", "safetensors", "npz", "pt"])
def test_saved_inputs_reveal_no_defects(name: str):
    target = TARGETS[name]()
    inputs = [*(path.read_bytes() for path in _saved(name)), *target.seeds]
    assert inputs
    for data in inputs:
        target.read(data)


def test_both_decoders_agree_on_saved_inputs(decoders: Differential):
    for path in _saved("frz"):
        decoders.check(path.read_bytes())


def test_a_different_answer_is_a_defect():
    assert agree({"a": "1"}, {"a": "1", "a@tiers": "2"})
    assert not agree({"a": "1"}, {"a": "2"})
    assert not agree({}, "VALUE")
    assert agree("CHECKSUM", "STREAM")
    assert not agree("CHECKSUM", "TRUNCATED")
    assert agree({}, "BUDGET")


def _saved(name: str) -> list[Path]:
    return sorted((CORPUS / name).glob("*"))
