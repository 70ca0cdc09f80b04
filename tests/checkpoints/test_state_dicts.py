from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from frformat import EncodeError, checkpoints
from frformat.errors import ReadError

EXTRA = "left out because they are not tensors: n._extra_state (dict)"

OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(1)}}, "param_groups": [{"lr": torch.ones(1)}]}


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ({"w": torch.ones(1)}, []),
        (OrderedDict(w=torch.ones(1)), []),
        ({"w": torch.ones(1), "epoch": 3}, ["left out because they are not tensors: epoch (int)"]),
        ({"state_dict": {"w": torch.ones(1)}, "epoch": 3}, ["read the entry 'state_dict' of the file"]),
        ({"anything": {"w": torch.ones(1)}}, ["read the entry 'anything' of the file"]),
        ({"a": {"b": {"w": torch.ones(1)}}}, ["read the entry 'a.b' of the file"]),
        (
            {"acc": torch.tensor(0.5), "net": {"w": torch.ones(1)}, "log": {"best": torch.tensor(0.9)}},
            ["read the entry 'net' of the file", "left out other entries: acc, log.best"],
        ),
        (
            {"net": {"w": torch.ones(1)}, "optimizer": OPTIMIZER, "rng_state": torch.get_rng_state()},
            ["read the entry 'net' of the file", "left out other entries: rng_state"],
        ),
        (
            {"net": {"w": torch.ones(1)}, "ema": {"shadow": [torch.ones(1)]}, "losses": [torch.tensor(0.5)]},
            ["read the entry 'net' of the file", "left out other entries: ema.shadow (1 tensor without names)"],
        ),
        ({"my_extra_state": {"w": torch.ones(1)}}, ["read the entry 'my_extra_state' of the file"]),
        ([{"epoch": 3}, {"w": torch.ones(1)}], ["read the entry '1' of the file"]),
        ({"w": torch.ones(1), "n._extra_state": {"v": torch.ones(2)}}, [EXTRA]),
        ({"module.w": torch.ones(1)}, ["removed wrapper prefixes from names: module."]),
        ({"_orig_mod.w": torch.ones(1)}, ["removed wrapper prefixes from names: _orig_mod."]),
        (
            {"model": {"module._orig_mod.w": torch.ones(1)}},
            [
                "read the entry 'model' of the file",
                "removed wrapper prefixes from names: module., _orig_mod.",
            ],
        ),
    ],
)
def test_state_dicts_are_found_and_their_location_is_reported(path: Path, content: object, notes: list[str]):
    torch.save(content, path)
    found = checkpoints.load(path)
    assert found.notes == notes
    assert found["w"].tolist() == [1]
    assert list(found) == ["w"]


def test_a_prefix_of_only_some_names_is_kept(path: Path):
    torch.save({"module.w": torch.ones(1), "v": torch.ones(1)}, path)
    assert set(checkpoints.load(path)) == {"module.w", "v"}


WEIGHTS, OTHERS = {"w": torch.ones(2)}, {"w": torch.zeros(2)}


@pytest.mark.parametrize(
    ("content", "entry", "listed"),
    [
        ({"ema": OTHERS, "net": WEIGHTS, "optimizer": OPTIMIZER}, "net", "'ema' (1 tensor), 'net' (1 tensor)"),
        ({"ema": OTHERS, "model": WEIGHTS}, "model", "'ema' (1 tensor), 'model' (1 tensor)"),
        ({"net": WEIGHTS, "scores": torch.zeros(3)}, "net", "'.' (1 tensor), 'net' (1 tensor)"),
        ({"net": OTHERS, **WEIGHTS}, ".", "'.' (1 tensor), 'net' (1 tensor)"),
        ({"learngate": WEIGHTS, "scores": torch.zeros(3)}, "learngate", "'.' (1 tensor), 'learngate' (1 tensor)"),
        ({"net_extra_state": WEIGHTS, "v": torch.zeros(3)}, "net_extra_state", "'.' (1 tensor), 'net_extra_state' (1"),
        ([WEIGHTS, OTHERS], "0", "'0' (1 tensor), '1' (1 tensor)"),
        ({"a": [{"b": (OTHERS, {"c": WEIGHTS})}]}, "a.0.b.1.c", "'a.0.b.0' (1 tensor), 'a.0.b.1.c' (1 tensor)"),
    ],
)
def test_one_of_several_state_dicts_must_be_chosen(path: Path, content: object, entry: str, listed: str):
    torch.save(content, path)
    with pytest.raises(
        EncodeError, match=re.escape(f"contains several state dicts; select one with --entry: {listed}")
    ):
        checkpoints.load(path)
    assert checkpoints.load(path, entry=entry)["w"].tolist() == [1, 1]
    with pytest.raises(EncodeError, match=re.escape(f"has no entry 'emo' with tensors, but {listed}")):
        checkpoints.load(path, entry="emo")


def test_entries_with_the_same_key_are_not_guessed(path: Path):
    torch.save({"a.b": OTHERS, "a": {"b": WEIGHTS}}, path)
    with pytest.raises(EncodeError, match=r"has 2 entries 'a\.b': rename all but one"):
        checkpoints.load(path, entry="a.b")


@pytest.mark.parametrize("number", [torch.ones(3), torch.tensor(1.0)])
def test_a_tensor_whose_key_is_not_a_string_is_not_lost(path: Path, number: torch.Tensor):
    torch.save({"net": {**WEIGHTS, 5: number}}, path)
    for entry in (None, "net"):
        with pytest.raises(EncodeError, match="tensors must have strings as keys, not 5; save"):
            checkpoints.load(path, entry=entry)


def test_unnamed_tensors_are_not_dropped_in_favor_of_a_smaller_named_one(path: Path):
    torch.save({"ema": {"shadow": [torch.ones(4, 4), torch.ones(4)]}, "w": torch.ones(2)}, path)
    with pytest.raises(EncodeError, match=r"the tensors in 'ema\.shadow' have no names.* use --entry \.;"):
        checkpoints.load(path)
    assert list(checkpoints.load(path, entry=".")) == ["w"]


def test_a_file_can_contain_itself_and_a_dict_many_times(path: Path):
    content: dict[str, object] = {"net": WEIGHTS, "again": WEIGHTS}
    content["all"] = content["list"] = [content]
    for _ in range(60):
        content = {"left": content, "right": content}
    torch.save(content, path)
    assert checkpoints.load(path)["w"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([torch.ones(1)], "a list of tensors"),
        (torch.ones(1), "one tensor"),
        ({}, r"something else \(dict\)"),
        ({"a": 1}, r"something else \(dict\)"),
        ({0: torch.ones(1)}, "tensors with keys that are not strings"),
        (3, r"something else \(int\)"),
    ],
)
def test_files_without_named_tensors_are_refused(path: Path, content: object, what: str):
    torch.save(content, path)
    with pytest.raises(EncodeError, match=f"contains no named tensors, but {what}; save"):
        checkpoints.load(path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"net": {"a": np.ones((9, 9)), "b": np.ones(3)}, "acc": torch.ones(5)}, "arrays in 'net' have more elements"),
        ({"a": np.ones((9, 9)), "acc": torch.ones(5)}, "arrays in '.' have more elements than the tensors in '.'"),
        ([np.ones((9, 9)), {"acc": torch.ones(5)}], "arrays in '.' have more elements than the tensors in '1'"),
        ({"net": {"a": np.ones((9, 9))}}, "no named tensors, but NumPy arrays; save them with numpy.savez"),
    ],
)
def test_numpy_arrays_are_not_left_out_for_a_smaller_tensor(
    path: Path, content: object, problem: str, zipped: bool, trusted: bool
):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ReadError, match=re.escape(problem)):
        checkpoints.load(path, trust_pickle=trusted)


def test_small_numpy_arrays_and_the_states_of_generators_are_left_out(path: Path):
    state = np.random.RandomState(0).get_state()
    torch.save({"mean": np.ones(3), "w": torch.ones(9), "rng": {"numpy": state}}, path)
    found = checkpoints.load(path)
    assert list(found) == ["w"]
    assert "left out because they are not tensors: mean (numpy." in found.notes[1]


def test_an_entry_is_read_even_if_numpy_arrays_are_larger(path: Path):
    torch.save({"net": {"a": np.ones((9, 9))}, "other": {"w": torch.ones(5)}}, path)
    assert checkpoints.load(path, entry="other")["w"].tolist() == [1] * 5
