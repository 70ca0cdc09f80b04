from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import zigzag
from frformat.spectral.zigzag import element_count
from tests.strategies import shapes

small = st.lists(st.integers(0, 6), max_size=5).map(tuple)


def by_definition(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return sorted(itertools.product(*map(range, shape)), key=lambda index: (sum(index), index))


def step(index: list[int], shape: tuple[int, ...]) -> bool:
    """Advance to the next index as section 5 of the specification does; return whether there is one."""
    rest = 0
    for j in reversed(range(len(shape))):
        if rest >= 1 and index[j] < shape[j] - 1:
            index[j] += 1
            fill(index, shape, j + 1, rest - 1)
            return True
        rest += index[j]
    if rest == sum(n - 1 for n in shape):
        return False
    fill(index, shape, 0, rest + 1)
    return True


def fill(index: list[int], shape: tuple[int, ...], j: int, rest: int) -> None:
    for m in reversed(range(j, len(shape))):
        index[m] = min(rest, shape[m] - 1)
        rest -= index[m]


class TestPrefix:
    @given(small, st.data())
    def test_matches_the_definition(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        assert [tuple(index) for index in zigzag.prefix(shape, k).tolist()] == by_definition(shape)[:k]

    @given(small.filter(math.prod))
    def test_equals_single_steps(self, shape: tuple[int, ...]) -> None:
        index, visited = [0] * len(shape), []
        while True:
            visited.append(list(index))
            if not step(index, shape):
                break
        assert visited == zigzag.prefix(shape, math.prod(shape)).tolist()

    @given(st.lists(st.integers(1, 6), min_size=1, max_size=5).map(tuple), st.data())
    def test_shorter_prefix_is_a_prefix(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        j = data.draw(st.integers(0, k))
        assert np.array_equal(zigzag.prefix(shape, k)[:j], zigzag.prefix(shape, j))

    def test_rank_0_has_one_index(self) -> None:
        assert zigzag.prefix((), 1).shape == (1, 0)

    @pytest.mark.parametrize("k", [-1, 7])
    def test_refuses_more_than_exist(self, k: int) -> None:
        for ask in (zigzag.prefix, zigzag.places, zigzag.box):
            with pytest.raises(ValueError, match="not within 0 … 6"):
                ask((2, 3), k)

    def test_beyond_the_cache(self) -> None:
        assert zigzag.prefix((40, 40, 40), 5000).tolist() == [list(i) for i in by_definition((40, 40, 40))[:5000]]

    def test_cost_does_not_grow_with_the_tensor(self) -> None:
        sums = zigzag.prefix((2**31 - 1,) * 8, 1000).sum(axis=1)
        assert np.bincount(sums).tolist() == [1, 8, 36, 120, 330, 505]


class TestPlaces:
    @given(small, st.data())
    def test_are_the_prefix_in_row_major_order(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        expected = [sum(map(int.__mul__, index, strides)) for index in by_definition(shape)[:k]]
        assert zigzag.places(shape, k).tolist() == expected

    @given(small)
    def test_numbers_are_the_inverse(self, shape: tuple[int, ...]) -> None:
        count = math.prod(shape)
        assert np.array_equal(zigzag.numbers(shape)[zigzag.places(shape, count)], np.arange(count))

    @pytest.mark.parametrize(("shape", "k"), [((40, 41, 42), 5000), ((100_000, 7), 5000), ((300, 300), 90_000)])
    def test_beyond_the_cache(self, shape: tuple[int, ...], k: int) -> None:
        assert np.array_equal(zigzag.places(shape, k), np.ravel_multi_index(tuple(zigzag.prefix(shape, k).T), shape))

    @given(small, st.data())
    def test_scattered_puts_values_there(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        corner = zigzag.box(shape, k)
        found = zigzag.scattered(np.arange(1, k + 1, dtype=np.float32), corner)
        assert found.shape == corner
        assert [found[index] for index in by_definition(shape)[:k]] == list(range(1, k + 1))
        assert np.count_nonzero(found) == k
        assert zigzag.gathered(found, k).tolist() == list(range(1, k + 1))

    @pytest.mark.parametrize(("shape", "k"), [((70, 80), 4900), ((9, 9, 9, 9), 6000), ((2, 30_000), 20_000)])
    def test_scattered_beyond_the_cache(self, shape: tuple[int, ...], k: int) -> None:
        corner = zigzag.box(shape, k)
        found = zigzag.scattered(np.arange(1, k + 1, dtype=np.float32), corner)
        assert np.array_equal(found[tuple(zigzag.prefix(shape, k).T)], np.arange(1, k + 1))
        assert np.count_nonzero(found) == k
        assert np.array_equal(zigzag.gathered(found, k), np.arange(1, k + 1))

    @pytest.mark.parametrize(
        ("shape", "k"), [((700, 800), 500_000), ((30, 30, 30, 30), 600_000), ((9000, 900), 90_000)]
    )
    def test_working_memory_of_scattered_is_counted(self, shape: tuple[int, ...], k: int) -> None:
        corner, values = zigzag.box(shape, k), np.ones(k, np.float32)
        tracemalloc.start()
        zigzag.scattered(values, corner)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= zigzag.working_memory(corner, k) + (1 << 18)


class TestBox:
    @given(small, st.data())
    def test_is_the_smallest_corner(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(0, math.prod(shape)))
        first = by_definition(shape)[:k]
        assert zigzag.box(shape, k) == tuple(max((i[a] for i in first), default=-1) + 1 for a in range(len(shape)))

    @pytest.mark.parametrize("shape", [(1000, 1000, 3, 3), (7, 5000, 2), (60,) * 4, (2,) * 12])
    @pytest.mark.parametrize("k", [1, 2, 33, 1000, 3999])
    def test_of_larger_shapes(self, shape: tuple[int, ...], k: int) -> None:
        assert zigzag.box(shape, k) == tuple((zigzag.prefix(shape, k).max(axis=0) + 1).tolist())

    def test_cost_does_not_grow_with_k(self) -> None:
        shape = (2**31 - 1, 2**17)
        assert zigzag.box(shape, math.prod(shape)) == shape
        assert zigzag.box((2**31 - 1,), 2**31 - 1) == (2**31 - 1,)


class TestPosition:
    @given(shapes)
    def test_counts_preceding_indices(self, shape: tuple[int, ...]) -> None:
        assert [zigzag.position(shape, index) for index in by_definition(shape)] == list(range(math.prod(shape)))

    def test_is_fast_in_a_large_tensor(self) -> None:
        shape = (1024, 1024, 3, 3)
        for k in (0, 33, 5000):
            assert zigzag.position(shape, zigzag.prefix(shape, k + 1)[-1].tolist()) == k


def test_element_count_is_exact() -> None:
    assert element_count((2**31 - 1,) * 8) == (2**31 - 1) ** 8
