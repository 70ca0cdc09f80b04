"""Small files that would fill memory, or take for ever, in a reader that builds what it should skip."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest

import frformat
from frformat import FrzError
from tests.vectors import deflate, frz
from tests.vectors.frz import File

RUNS = 16_000
COUNT = 1 + 258 * RUNS
EACH = {"empty arrays": b"\x90", "empty maps": b"\x80", "nils": b"\xc0"}


@pytest.mark.parametrize("kind", EACH)
def test_ignored_values_are_not_built(kind: str) -> None:
    """Four million values in a file of four kilobytes cost what their bytes cost, not what as many objects do."""
    head = b"\x82\x00\x90\x09\xdd" + COUNT.to_bytes(4, "big")
    stream = deflate.blocks([[*head, EACH[kind][0], *[(258, 1)] * RUNS]], dynamic=True)
    data = frz.head(head + EACH[kind] * COUNT, deflated=stream)
    assert len(data) < 5000
    tracemalloc.start()
    started = time.monotonic()
    with frformat.open(data) as file:
        assert file.keys() == []
    took = time.monotonic() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * COUNT
    assert took < 5


def test_a_directory_of_the_largest_length_is_not_allocated_for_a_file_of_a_few_bytes() -> None:
    tree = File().head()[14:-4]
    tracemalloc.start()
    with pytest.raises(FrzError):
        frformat.open(frz.head(tree, deflated=deflate.fixed(tree), length=1 << 26))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_indices_of_coefficients_are_budgeted() -> None:
    """Rank 7: each coefficient is stored in less than a byte, its index takes 56."""
    count = 6**6 * 3
    data = File([frz.dct("w", "i8", (6,) * 6 + (3,), [0] * count, "deflate")]).bytes()
    assert len(data) < 3000
    budget = 1 << 20
    with frformat.open(data, memory_budget=budget) as file:
        tracemalloc.start()
        with suppress(FrzError):
            file["w"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < budget + (8 << 20)


def test_a_long_axis_with_all_coefficients_does_not_take_its_square() -> None:
    """80 kB of weights from a file of 200 bytes must not cost 400 million products, each with a cosine."""
    count = 20_000
    data = File([frz.dct("w", "f32", (count,), [0x3F800000] * count, "deflate")]).bytes()
    assert len(data) < 1000
    with frformat.open(data, memory_budget=1 << 26) as file:
        started = time.monotonic()
        with suppress(FrzError):
            file["w"]
        assert time.monotonic() - started < 3
