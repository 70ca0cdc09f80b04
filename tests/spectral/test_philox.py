from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import philox
from tests.vectors import philox as reference

seeds = st.integers(0, 2**64 - 1)


def test_known_answer_of_random123() -> None:
    # The test vectors of Random123, the library that introduced the generator.
    zeros = philox.words(0, np.zeros(1, np.uint64))[:, 0].tolist()
    assert zeros == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@given(seeds, st.integers(0, 2**64 - 1))
def test_words_match_the_specification(seed: int, counter: int) -> None:
    expected = reference.block((counter % 2**32, counter >> 32, 0, 0), (seed % 2**32, seed >> 32))
    assert tuple(philox.words(seed, np.array([counter], np.uint64))[:, 0].tolist()) == expected


@given(seeds, st.integers(0, 2**50), st.integers(0, 40))
def test_uniform(seed: int, start: int, count: int) -> None:
    found = philox.uniform(seed, start, count)
    assert found.tolist() == [reference.u(seed, start + m) for m in range(count)]


def test_blocks_of_counters_join() -> None:
    long = philox.uniform(7, 3, 3 * 4 * philox.COUNTERS)
    assert np.array_equal(long[4 * philox.COUNTERS + 5 :][:9], philox.uniform(7, 8 + 4 * philox.COUNTERS, 9))
    assert (np.abs(long) < 1).all()
    assert np.array_equal(long.astype(np.float32), long)
    assert abs(long.mean()) < 0.02


@given(seeds, st.integers(1, 30), st.integers(1, 9), st.data())
def test_table_is_a_slice_of_the_sequence(seed: int, length: int, count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    expected = philox.uniform(seed, 0, length * count).reshape(count, length)[:, start:stop].T
    assert np.array_equal(philox.table(seed, length, count, start, stop), expected)


@pytest.mark.parametrize("m", [2**34 - 1, 2**34, 2**47])
def test_counters_have_64_bits(m: int) -> None:
    assert philox.uniform(3, m, 2).tolist() == [reference.u(3, m), reference.u(3, m + 1)]
