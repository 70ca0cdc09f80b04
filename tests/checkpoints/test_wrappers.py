from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.checkpoints import Checkpoint, Entry
from frformat.checkpoints.wrappers import MARKERS, plain_names, unwrapped


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["module.a.w", "module.b"], ["a.w", "b"]),
        (["module.module.a", "module.module.b.c"], ["a", "b.c"]),
        (["_orig_mod.module.a", "_orig_mod.module.b"], ["a", "b"]),
        (["module._orig_mod.a", "module._orig_mod.b"], ["a", "b"]),
        (["module.module._orig_mod.a", "b"], ["a", "b"]),
        (["net._orig_mod.x", "head.w"], ["net.x", "head.w"]),
        (["a._orig_mod._orig_mod.module._orig_mod.module.b"], ["a.b"]),
        (
            ["_fsdp_wrapped_module.l._fsdp_wrapped_module._checkpoint_wrapped_module.w", "_fsdp_wrapped_module.b"],
            ["l.w", "b"],
        ),
        (["n_averaged", "module.a", "module.module"], ["a", "module"]),
        (["n_averaged", "module.module._orig_mod.a"], ["a"]),
        (["_orig_mod.n_averaged", "_orig_mod.module.a"], ["a"]),
    ],
)
def test_name_parts_added_by_wrappers_are_removed(names: list[str], expected: list[str]):
    found, notes = plain_names(names)
    assert list(found.values()) == expected
    assert found.keys() <= set(names)
    assert len(notes) == 1


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a.w", "b"],
        ["module"],
        ["module.a", "b"],
        ["net.module.x", "y"],
        ["a._orig_mod"],
        ["n_averaged", "x"],
        ["a", "_orig_mod.a"],  # two tensors would have one name
    ],
)
def test_other_names_are_kept(names: list[str]):
    assert plain_names(names) == ({name: name for name in names}, [])


def test_the_note_says_what_was_removed():
    _, [note] = plain_names(["module.net._orig_mod.a", "module.b"])
    assert note == "removed wrapper prefixes from names: _orig_mod., module."


def test_a_checkpoint_without_wrappers():
    entry = Entry("f32", (), lambda: np.zeros((), np.float32))
    found = unwrapped(Checkpoint({"n_averaged": entry, "module.a": entry}, {"module.b": "module.a"}, notes=["first"]))
    assert (list(found), found.aliases) == (["a"], {"b": "a"})
    assert found.notes == [
        "first",
        "removed wrapper prefixes from names: module.",
        "left out n_averaged, the counter of an averaged model",
    ]


part = st.sampled_from([*MARKERS, "module", "n_averaged", "a", "b", ""])


@given(st.lists(st.lists(part, min_size=1, max_size=5).map(".".join), unique=True, max_size=8))
def test_names_stay_distinct_and_in_order(names: list[str]):
    found, _ = plain_names(names)
    assert list(found) == [name for name in names if name in found]
    assert len(set(found.values())) == len(found)
