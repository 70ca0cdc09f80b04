"""Read every file of ``spec/vectors`` with the Python decoder."""

from __future__ import annotations

import hashlib
import os

import msgpack
import pytest

import frformat
from frformat.errors import CODES, FrzError
from frformat.format.quantization import step
from frformat.format.tensor import Array
from tests.conformance.expected import FAULTY, GENERATED, INDEX, VALID, Entry, base_of, bytes_of, check_weights, path_of
from tests.vectors import frz, realistic
from tests.vectors.appendix import FOLDER
from tests.vectors.output import contents

CANNOT_COME_FROM_A_FILE = {"DEPENDENCY"}
"""Codes that no file causes: in Python, zstd is always available."""


def _name(entry: Entry) -> str:
    return str(entry["name"])


def _opened(entry: Entry, source: str | bytes) -> frformat.FrzFile:
    budget = entry.get("budget", INDEX["budget"])
    return frformat.open(source, tier=entry.get("tier"), memory_budget=budget, base=base_of(entry))


@pytest.mark.parametrize("entry", VALID, ids=_name)
def test_a_valid_file_is_read_as_the_index_specifies(entry: Entry) -> None:
    bytes_of(entry)
    with _opened(entry, path_of(entry)) as file:
        _check_file(file, entry)


@pytest.mark.parametrize("entry", GENERATED, ids=_name)
def test_a_generated_file_is_read_as_the_index_specifies(entry: Entry) -> None:
    data = realistic.file()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    with frformat.open(data, memory_budget=INDEX["budget"]) as file:
        _check_file(file, entry)


def _check_file(file: frformat.FrzFile, entry: Entry) -> None:
    assert file.tiers == entry["tiers"]
    assert file.tiers_present == entry["tiersPresent"]
    assert list(file.metadata.items()) == list(entry["metadata"].items())
    assert list(file.aliases.items()) == list(entry["aliases"].items())
    assert file.keys() == [tensor["name"] for tensor in entry["tensors"]] + list(entry["aliases"])
    factors = entry.get("factors", [])
    assert file.factors == len(factors)
    for number, factor in enumerate(factors):
        _check_listing(file.factor_info(number), factor)
        assert _digest(file.factor(number).canonical()) == factor["values"]
    for tensor in entry["tensors"]:
        _check_listing(file.info(tensor["name"]), tensor)
        _check_values(file, tensor)


def _check_listing(info: frformat.TensorInfo, tensor: Entry) -> None:
    assert info.name == tensor.get("name", "")
    assert info.dtype == tensor.get("dtype", "f32")
    assert list(info.shape) == tensor["shape"]
    assert info.coder == tensor["coder"]
    assert (None if info.view is None else list(info.view)) == tensor.get("view")
    meant = tensor.get("view", tensor["shape"])
    assert list(info.bases) == tensor.get("bases", ["identity"] * len(meant))
    assert list(info.kept) == tensor.get("kept", [])
    assert list(map(list, info.corners)) == tensor.get("corners", [])
    assert info.per_tier == tensor.get("perTier", False)
    assert info.format == tensor.get("format")
    assert info.step == (step(tensor["step"]) if "step" in tensor else None)
    assert list(info.offsets) == tensor.get("offsets", [])


def _check_values(file: frformat.FrzFile, tensor: Entry) -> None:
    name = tensor["name"]
    if tensor["values"] is not None:
        assert _digest(file.stored(name).canonical()) == tensor["values"]
    if "elements" in tensor:
        found = file[name]
        assert list(found.shape) == tensor["shape"]
        assert _digest(found) == tensor["elements"]
    if tensor.get("weights") is not None:
        found = file[name]
        assert list(found.shape) == tensor["shape"]
        check_weights(found, tensor["dtype"], tensor["weights"])


def _digest(array: Array) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def _is_only_listed(entry: Entry) -> bool:
    """Return whether no tensor is rebuilt, because that takes long or is impossible."""
    tensors = entry["tensors"]
    return bool(tensors) and not any("elements" in tensor or tensor.get("weights") for tensor in tensors)


@pytest.mark.parametrize("entry", [entry for entry in VALID if not _is_only_listed(entry)], ids=_name)
def test_loading_all_equals_loading_each(entry: Entry) -> None:
    with _opened(entry, path_of(entry)) as file:
        tensors = file.load()
        assert list(tensors) == file.keys()
        assert all(tensors[name].tobytes() == file[name].tobytes() for name in tensors)
        assert all(tensors[name] is tensors[target] for name, target in entry["aliases"].items())


def test_the_largest_core_on_a_seeded_axis_is_rebuilt() -> None:
    """This takes more than ten seconds, so other tests only list it."""
    [entry] = [entry for entry in VALID if entry["name"] == "limit-of-seeded"]
    with _opened(entry, path_of(entry)) as file:
        assert not file["w"].any()


@pytest.mark.parametrize("entry", FAULTY, ids=_name)
def test_a_faulty_file_is_refused_with_its_code(entry: Entry) -> None:
    data = bytes_of(entry)
    if entry["at"] == "open":
        with pytest.raises(FrzError) as caught:
            _opened(entry, data)
    else:
        with _opened(entry, data) as file:
            for name in entry.get("sound", []):
                file[name]
            with pytest.raises(FrzError) as caught:
                file[entry["tensor"]]
            for name in entry.get("sound", []):
                file[name]
    assert caught.value.code == entry["code"], str(caught.value)


@pytest.mark.parametrize("entry", [entry for entry in FAULTY if entry["code"] == "NAME"], ids=_name)
def test_only_vectors_of_aliases_lack_a_target(entry: Entry) -> None:
    """A vector of another wrong name would test nothing: a missing target has the same code."""
    data = bytes_of(entry)
    tree = msgpack.unpackb(data[14 : 14 + int.from_bytes(data[6:10], "little")], strict_map_key=False)
    names, before = set(), b""
    for group in tree[frz.GROUPS]:
        coded = group[frz.NAMES]
        for shared, rest in zip(coded[::2], coded[1::2], strict=True):
            before = before[:shared] + rest.encode()
            names.add(before)
    targets = {target.encode() for _, target in tree.get(frz.ALIASES, ())}
    assert targets <= names or entry["name"].startswith("alias-")


def test_every_error_code_has_a_vector() -> None:
    assert {entry["code"] for entry in FAULTY} == set(CODES) - CANNOT_COME_FROM_A_FILE


def test_the_folder_contains_what_the_generator_writes() -> None:
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


def test_the_index_is_small() -> None:
    assert os.path.getsize(os.path.join(FOLDER, "vectors.json")) < 1 << 20


def test_the_number_of_vectors_is_as_documented() -> None:
    assert len({entry["file"] for entry in VALID}) >= 300
    assert len({entry["file"] for entry in FAULTY}) >= 700
