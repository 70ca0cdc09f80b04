"""Small files that would fill memory or take forever in a reader that builds values instead of skipping them."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest

import frformat
from frformat import FrzError
from tests.vectors import deflate, frz
from tests.vectors import msgpack as wire
from tests.vectors.frz import File

RUNS = 16_000
COUNT = 1 + 258 * RUNS
EACH = {"empty arrays": b"\x90", "empty maps": b"\x80", "nils": b"\xc0"}


@pytest.mark.parametrize("kind", EACH)
def test_ignored_values_are_not_built(kind: str) -> None:
    """Four million values in a file of four kilobytes occupy only their bytes: no objects are created for them."""
    head = b"\x82\x02\x90\x09\xdd" + COUNT.to_bytes(4, "big")
    stream = deflate.blocks([[*head, EACH[kind][0], *[(258, 1)] * RUNS]], dynamic=True)
    data = frz.head(head + EACH[kind] * COUNT, deflated=stream)
    assert len(data) < 5000
    tracemalloc.start()
    started = time.process_time()
    with frformat.open(data) as file:
        assert file.keys() == []
    took = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * COUNT
    assert took < 5


def test_a_tiny_file_does_not_allocate_a_directory_of_maximum_length() -> None:
    tree = File().head()[14:-4]
    tracemalloc.start()
    with pytest.raises(FrzError):
        frformat.open(frz.head(tree, deflated=deflate.fixed(tree), length=1 << 26))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_indices_of_coefficients_are_budgeted() -> None:
    """At rank 7, each coefficient is stored in less than a byte, but its index takes 56 bytes."""
    count = 6**6 * 3
    data = File([frz.dct("w", "f16", (6,) * 6 + (3,), [0] * count, "deflate")]).bytes()
    assert len(data) < 3000
    budget = 1 << 20
    with frformat.open(data, memory_budget=budget) as file:
        tracemalloc.start()
        with suppress(FrzError):
            file["w"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < budget + (8 << 20)


def test_a_long_axis_with_all_coefficients_needs_no_quadratic_memory() -> None:
    """Rebuilding 80 kB of weights from a file of 200 bytes must not take 400 million multiplications by cosines."""
    count = 20_000
    data = File([frz.dct("w", "f32", (count,), [0x3F800000] * count, "deflate")]).bytes()
    assert len(data) < 1000
    with frformat.open(data, memory_budget=1 << 26) as file:
        started = time.process_time()
        with suppress(FrzError):
            file["w"]
        assert time.process_time() - started < 3


def test_reading_one_tensor_does_not_decode_its_large_group_each_time() -> None:
    """A file of a few hundred bytes has 16,000 one-byte tensors; decoding them all per request would yield 256 MB."""
    tensors = [frz.Tensor(f"{i:x}", (), [7]) for i in range(16_000)]
    for coder in ("none", "deflate", "zstd"):
        data = File([frz.Group(tensors, "u8", coder=coder)]).bytes()
        started = time.process_time()
        loaded = frformat.load(data)
        with frformat.open(data) as file:
            assert all(file[name] == loaded[name] for name in reversed(loaded))
        assert time.process_time() - started < 15


LISTS = {
    "names": {1: [x for i in range(20_000) for x in (0, f"{i:x}".rjust(60, "x"))], 2: [[]] * 20_000, 14: [20_000]},
    "prefixes": {1: [x for i in range(20_000) for x in (min(i, 1) * 1000, "x" * 1000 if i == 0 else f"{i:x}")],
                 2: [[]] * 20_000, 14: [20_000]},
    "ranks": {1: [x for i in range(20_000) for x in (0, f"{i:x}")], 2: [[1] * 8] * 20_000, 14: [20_000]},
    "corners": {1: [x for i in range(500) for x in (0, f"{i:x}")], 2: [[1] * 8] * 500, 8: [[[1] * 8] * 500] * 256,
                14: [500] + [0] * 255},
    "kept": {1: [x for i in range(4000) for x in (0, f"{i:x}")], 2: [[1]] * 4000, 7: [[1] * 4000] * 256,
             14: [4000] + [0] * 255},
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
def test_the_cost_of_long_lists_is_proportional_to_their_bytes(kind: str) -> None:
    group = wire.Map([(0, 1), *sorted(LISTS[kind].items()), (13, 0)])
    group.sort(key=lambda pair: pair[0])
    tree = wire.pack(wire.Map([*([(1, 256)] if len(LISTS[kind][14]) > 1 else []), (2, [group])]))
    data = frz.head(tree) + frz.segment(bytes(LISTS[kind][14][0]))
    tracemalloc.start()
    started = time.process_time()
    with frformat.open(data) as file:
        assert all(file.info(name).numbers() == 1 for name in file)
    took = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(tree) + 2 * sum(map(len, file))
    assert took < 30
