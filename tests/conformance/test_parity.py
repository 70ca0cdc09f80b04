"""Compare the Kotlin decoder's results for every vector: codes, values (bit for bit) and weights.

One run of ``frz parity`` reads all files. Without Java or a built ``frz.jar``, the tests are skipped.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import frformat
from tests.conformance.expected import FAULTY, INDEX, VALID, Array, Entry, base_of, check_weights, path_of
from tests.conformance.kotlin import Kotlin
from tests.vectors.appendix import FOLDER

UNIT = {"f16": 2.0**-10, "bf16": 2.0**-7, "f32": 0.0, "f64": 0.0}
"""Largest relative difference between two roundings of nearly the same number to a dtype."""


@pytest.fixture(scope="module")
def kotlin(tmp_path_factory: pytest.TempPathFactory) -> Kotlin:
    return Kotlin(os.path.join(FOLDER, "vectors.json"), str(tmp_path_factory.mktemp("parity")))


def _name(entry: Entry) -> str:
    return str(entry["name"])


@pytest.mark.parametrize("entry", VALID, ids=_name)
def test_both_parsers_read_a_valid_file_alike(kotlin: Kotlin, entry: Entry) -> None:
    answer = kotlin.said[entry["name"]]
    assert "code" not in answer, answer
    found = {tensor["name"]: tensor for tensor in answer["tensors"]}
    assert set(found) >= {tensor["name"] for tensor in entry["tensors"]}
    assert [factor["values"] for factor in answer["factors"]] == [each["values"] for each in entry.get("factors", [])]
    with frformat.open(
        path_of(entry), tier=entry.get("tier"), memory_budget=INDEX["budget"], base=base_of(entry)
    ) as file:
        for tensor in entry["tensors"]:
            theirs = found[tensor["name"]]
            assert [theirs["dtype"], theirs["shape"]] == [tensor["dtype"], tensor["shape"]]
            if tensor["values"] is not None:
                assert theirs["values"] == tensor["values"]
            if "elements" in tensor:
                assert theirs["elements"] == tensor["elements"]
            elif tensor.get("weights") is not None:
                weights = kotlin.elements(theirs)
                check_weights(weights, tensor["dtype"], tensor["weights"])
                _check_alike(weights, file[tensor["name"]].reshape(-1), tensor)


def _check_alike(theirs: Array, ours: Array, tensor: Entry) -> None:
    with np.errstate(invalid="ignore"):
        apart = np.abs(theirs.astype(np.float64) - ours.astype(np.float64))
    apart[theirs == ours] = 0  # infinities too
    expected, unit = tensor["weights"], UNIT[tensor["dtype"]]
    slack = 2e-6 * expected.get("scale", expected["max"]) + unit * expected["max"] + 2.0**-24 * bool(unit)
    assert float(apart.max(initial=0)) <= slack + 2.0**-126


@pytest.mark.parametrize("entry", FAULTY, ids=_name)
def test_both_parsers_refuse_a_faulty_file_alike(kotlin: Kotlin, entry: Entry) -> None:
    answer: dict[str, Any] = kotlin.said[entry["name"]]
    assert answer.get("code") == entry["code"], answer
