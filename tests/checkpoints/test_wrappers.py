from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.checkpoints import Checkpoint, Entry
from frformat.checkpoints.wrappers import COUNTER, OWN, plain_names, unwrapped

PLAIN = ["conv.weight", "conv.bias", "blocks.0.fc.weight", "head"]


@pytest.mark.parametrize(
    "wrapper",
    [
        "module.",
        "_orig_mod.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "module.module.",
        "module.module.module.",
        "_fsdp_wrapped_module.",
        "module._fsdp_wrapped_module._checkpoint_wrapped_module.",
    ],
)
def test_wrappers_of_the_whole(wrapper: str):
    assert plain_names([wrapper + name for name in PLAIN]) == {wrapper + name: name for name in PLAIN}


def test_wrappers_within():
    names = ["net._orig_mod.x", "net._orig_mod.y", "enc.module.a", "enc.module.module.b", "blocks.0._fpw_module.w"]
    assert list(plain_names(names).values()) == ["net.x", "net.y", "enc.a", "enc.module.b", "blocks.0.w"]
    assert list(plain_names(["a.module.b.module.c", "a.module.b.module.d"]).values()) == ["a.b.c", "a.b.d"]
    found = unwrapped(Checkpoint(dict.fromkeys(names, Entry("f32", (), lambda: np.zeros((), np.float32)))))
    assert list(found) == ["net.x", "net.y", "enc.a", "enc.module.b", "blocks.0.w"]
    assert found.notes == ["took '_orig_mod', 'module', '_fpw_module' out of the names"]


def test_a_part_that_is_called_module_stays():
    for names in (
        ["module.weight", "head.weight"],
        ["net.module.weight", "net.bias"],
        ["module", "weight"],
        ["net.module", "net.bias"],
    ):
        assert plain_names(names) == dict(zip(names, names, strict=True))


def test_averages_count_beside_the_model():
    assert plain_names([COUNTER, "module.a", "module.b"]) == {COUNTER: COUNTER, "module.a": "a", "module.b": "b"}
    entry = Entry("f32", (), lambda: np.zeros((), np.float32))
    found = unwrapped(Checkpoint({COUNTER: entry, "module.a": entry}, {"module.b": "module.a"}))
    assert (list(found), found.aliases) == (["a"], {"b": "a"})
    assert found.notes[1] == "left out 'n_averaged', the count of AveragedModel"


def test_names_never_become_one():
    names = ["net.x", "net._orig_mod.x", "net._orig_mod.y"]
    assert plain_names(names) == {"net.x": "net.x", "net._orig_mod.x": "net._orig_mod.x", "net._orig_mod.y": "net.y"}
    assert plain_names(["_orig_mod"]) == {"_orig_mod": "_orig_mod"}


part = st.sampled_from([*OWN, "module", "a", "b", ""])


@given(st.lists(st.lists(part, min_size=1, max_size=5).map(".".join), unique=True, max_size=8))
def test_names_stay_distinct_and_in_order(names: list[str]):
    found = plain_names(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)


def test_a_million_names_take_no_longer_each_than_a_thousand():
    names = [f"module.layers.{i}.module.weight" for i in range(20_000)]
    assert plain_names(names)[names[-1]] == "layers.19999.weight"
