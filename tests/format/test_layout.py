from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from frformat.format.coders import Run
from frformat.format.layout import new_runs, put_slabs, slabs, split, take_slabs


@st.composite
def nested(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a corner and a larger corner that contains it, of rank 1 to 4."""
    now = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple))
    return tuple(draw(st.integers(0, n)) for n in now), now


def by_definition(before: tuple[int, ...], now: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the new entries in order, as section 4 of the specification defines them."""
    found = []
    for j in range(len(now)):
        ranges = [*map(range, now[:j]), range(before[j], now[j]), *map(range, before[j + 1 :])]
        found += itertools.product(*ranges)
    return found


@given(nested())
def test_slabs_match_the_specification(corners: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    before, now = corners
    places = np.stack(np.indices(now), axis=-1)
    found = [tuple(index) for part in slabs(before, now) for index in places[part].reshape(-1, len(now)).tolist()]
    assert found == by_definition(before, now)
    assert len(found) == math.prod(now) - math.prod(before)


@given(nested())
def test_taken_slabs_can_be_put_back(corners: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    before, now = corners
    core = np.arange(1, math.prod(now) + 1).reshape(now)
    taken = take_slabs(core, before, now)
    assert taken.tolist() == [core[index] for index in by_definition(before, now)]
    back = np.zeros((*now[:-1], now[-1] + 1), core.dtype)
    put_slabs(back, before, now, taken)
    inside = tuple(map(slice, before))
    assert not back[inside].any()
    back[inside] = core[inside]
    assert np.array_equal(back[..., :-1], core)


@given(nested(), st.sets(st.integers(0, 3)))
def test_runs_count_new_entries(corners: tuple[tuple[int, ...], tuple[int, ...]], chosen: set[int]) -> None:
    before, now = corners
    axes = sorted(axis for axis in chosen if axis < len(now))
    runs = new_runs(before, now, axes, ordered=False)
    offsets = [run.size for run in runs if run.offsets]
    assert offsets == [now[axis] - before[axis] for axis in axes if now[axis] > before[axis]]
    assert sum(run.size for run in runs if not run.offsets) == math.prod(now) - math.prod(before)
    assert all(run.size for run in runs)
    assert [run.offsets for run in runs] == sorted((run.offsets for run in runs), reverse=True)


def test_runs_of_other_tensors() -> None:
    assert new_runs(None, (), (), ordered=False) == [Run(False, ((),))]
    assert new_runs((), (), (), ordered=False) == []
    assert new_runs(None, (5,), (), ordered=True) == [Run(False, ((5,),))]
    assert new_runs((5,), (7,), (), ordered=True) == [Run(False, ((2,),))]
    assert new_runs((7,), (7,), (), ordered=True) == []


def test_split_assigns_each_run_its_values() -> None:
    runs = [Run(True, ((2,),)), Run(False, ((1, 2), (3,)))]
    assert [(run, part.tolist()) for run, part in split(runs, np.arange(7))] == [
        (runs[0], [0, 1]),
        (runs[1], [2, 3, 4, 5, 6]),
    ]
