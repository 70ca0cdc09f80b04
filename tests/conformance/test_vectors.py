"""Every file of ``spec/vectors``, read by the Python decoder."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest

import frformat
from frformat.errors import CODES, FrzError
from tests.conformance.expected import FAULTY, INDEX, VALID, Entry, bytes_of, check_weights, path_of
from tests.vectors.appendix import FOLDER
from tests.vectors.output import contents

CANNOT_COME_FROM_A_FILE = {"DEPENDENCY"}
"""In Python zstd is always there."""


def _name(entry: Entry) -> str:
    return str(entry["name"])


@pytest.mark.parametrize("entry", VALID, ids=_name)
def test_a_valid_file_is_read_as_the_index_says(entry: Entry) -> None:
    bytes_of(entry)
    with frformat.open(path_of(entry), tier=entry.get("tier"), memory_budget=INDEX["budget"]) as file:
        assert file.tiers == entry["tiers"]
        assert file.tiers_present == entry["tiersPresent"]
        assert list(file.metadata.items()) == list(entry["metadata"].items())
        assert list(file.aliases.items()) == list(entry["aliases"].items())
        assert list(file.rows.items()) == list(entry.get("rows", {}).items())
        assert file.keys() == [tensor["name"] for tensor in entry["tensors"]] + list(entry["aliases"])
        for tensor in entry["tensors"]:
            _check_listing(file, tensor)
            _check_values(file, tensor)


def _check_listing(file: frformat.FrzFile, tensor: Entry) -> None:
    info = file.info(tensor["name"])
    listed = [info.coding, info.dtype, list(info.shape), info.coder]
    assert listed == [tensor[key] for key in ("coding", "dtype", "shape", "coder")]
    if tensor["coding"] == "dct":
        assert info.format == tensor["format"]
        assert list(info.kept) == tensor["kept"]
        assert (None if info.view is None else list(info.view)) == tensor["view"]


def _check_values(file: frformat.FrzFile, tensor: Entry) -> None:
    name = tensor["name"]
    if tensor["coding"] == "raw":
        if tensor["elements"] is not None:
            found = file[name]
            assert list(found.shape) == tensor["shape"]
            assert hashlib.sha256(found.tobytes()).hexdigest() == tensor["elements"]
        return
    coefficients = file.spectrum(name).coefficients
    assert coefficients.dtype == np.float32
    assert hashlib.sha256(coefficients.astype("<f4").tobytes()).hexdigest() == tensor["coefficients"]
    if tensor["weights"] is not None:
        weights = file[name]
        assert list(weights.shape) == tensor["shape"]
        check_weights(weights, tensor["dtype"], tensor["weights"])


@pytest.mark.parametrize("entry", [e for e in VALID if e["aliases"]], ids=_name)
def test_an_alias_is_its_target(entry: Entry) -> None:
    tensors = frformat.load_file(path_of(entry), tier=entry.get("tier"))
    assert all(tensors.get(name) is tensors.get(target) for name, target in entry["aliases"].items())


@pytest.mark.parametrize("entry", [e for e in VALID if e["name"].startswith("rows-")], ids=_name)
def test_all_tensors_are_those_of_the_model(entry: Entry) -> None:
    apart = set(entry.get("rows", {}).values())
    names = [tensor["name"] for tensor in entry["tensors"] if tensor["name"] not in apart]
    names += [name for name, target in entry["aliases"].items() if target not in apart]
    with frformat.open(path_of(entry), tier=entry.get("tier")) as file:
        tensors = file.load()
        assert list(tensors) == file.model == names
        assert all(tensors[name].tobytes() == file[name].tobytes() for name in names)
        assert all(tensors[name].shape == file.info(name).shape for name in names)


@pytest.mark.parametrize("entry", FAULTY, ids=_name)
def test_a_faulty_file_is_refused_with_its_code(entry: Entry) -> None:
    data = bytes_of(entry)
    budget = entry.get("budget", INDEX["budget"])
    if entry["at"] == "open":
        with pytest.raises(FrzError) as caught:
            frformat.open(data, tier=entry.get("tier"), memory_budget=budget)
    else:
        with (
            frformat.open(data, tier=entry.get("tier"), memory_budget=budget) as file,
            pytest.raises(FrzError) as caught,
        ):
            file[entry["tensor"]]
    assert caught.value.code == entry["code"], str(caught.value)


def test_every_error_code_has_a_vector() -> None:
    assert {entry["code"] for entry in FAULTY} == set(CODES) - CANNOT_COME_FROM_A_FILE


def test_the_folder_holds_what_the_generator_makes() -> None:
    made = contents()
    there = {
        os.path.relpath(os.path.join(folder, name), FOLDER).replace(os.sep, "/")
        for folder, _, names in os.walk(FOLDER)
        for name in names
    }
    assert there == {*made, "README.md"}, "run `python -m tests.vectors`"
    for name, data in made.items():
        with open(os.path.join(FOLDER, name), "rb") as file:
            assert file.read() == data, f"{name} is not what `python -m tests.vectors` makes"


def test_there_are_as_many_vectors_as_promised() -> None:
    assert len({entry["file"] for entry in VALID}) >= 60
    assert len({entry["file"] for entry in FAULTY}) >= 120
