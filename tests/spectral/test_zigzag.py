from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import zigzag


def by_definition(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return sorted(itertools.product(*map(range, shape)), key=lambda index: (sum(index), index))


class TestPrefix:
    @given(st.lists(st.integers(0, 6), max_size=5).map(tuple), st.data())
    def test_is_the_definition(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        assert [tuple(index) for index in zigzag.prefix(shape, k).tolist()] == by_definition(shape)[:k]

    @given(st.lists(st.integers(1, 6), min_size=1, max_size=5).map(tuple), st.data())
    def test_shorter_prefix_is_a_prefix(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        j = data.draw(st.integers(0, k))
        assert np.array_equal(zigzag.prefix(shape, k)[:j], zigzag.prefix(shape, j))

    def test_rank_0_has_one_index(self) -> None:
        assert zigzag.prefix((), 1).shape == (1, 0)

    @pytest.mark.parametrize("k", [-1, 7])
    def test_refuses_more_than_there_is(self, k: int) -> None:
        with pytest.raises(ValueError, match="not within 0 … 6"):
            zigzag.prefix((2, 3), k)

    def test_beyond_the_cache(self) -> None:
        assert zigzag.prefix((40, 40, 40), 5000).tolist() == [list(i) for i in by_definition((40, 40, 40))[:5000]]

    def test_cost_does_not_grow_with_the_tensor(self) -> None:
        sums = zigzag.prefix((2**31 - 1,) * 8, 1000).sum(axis=1)
        assert np.bincount(sums).tolist() == [1, 8, 36, 120, 330, 505]


class TestBox:
    @given(st.lists(st.integers(1, 6), max_size=5).map(tuple), st.data())
    def test_is_the_smallest_corner(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(1, math.prod(shape)))
        first = by_definition(shape)[:k]
        assert zigzag.box(shape, k) == tuple(max(index[a] for index in first) + 1 for a in range(len(shape)))

    def test_of_nothing_is_empty(self) -> None:
        assert zigzag.box((3, 4), 0) == (0, 0)
