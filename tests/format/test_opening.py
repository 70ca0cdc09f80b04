"""The cost of opening: memory stays within the budget, and limits are exact."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace
from functools import cache

import msgpack
import numpy as np
import pytest

import frformat
from frformat import CodedTensor, FrzError
from frformat.format import container, limits, packing, parser
from frformat.format.directory import Corners, Directory, Group

ONE = np.ones(1, np.int64)


def group(names: list[str], **fields: object) -> Group:
    """Return tensors of one byte each."""
    return replace(Group("u8", [(1,)] * len(names), "none", ONE * len(names), names), **fields)


HOSTILE = {
    "names": Directory([group([f"{i:x}".rjust(900, "x") for i in range(3000)])]),
    "short names": Directory([group([f"{i}" for i in range(60_000)])]),
    "groups": Directory([group([f"{i}"]) for i in range(9000)]),
    "shapes": Directory([group([f"{i}" for i in range(9000)], shapes=[(1,) * 8] * 9000)]),
    "views": Directory([group([f"{i}" for i in range(9000)], views=[(1,) * 8] * 9000)]),
    "kept": Directory(
        [group([f"{i}" for i in range(3000)], kept=np.ones((256, 3000), np.int64), sizes=np.array([3000] + [0] * 255))],
        tiers=256,
    ),
    "corners": Directory(
        [
            group(
                [f"{i}" for i in range(1000)],
                corners=Corners.of([[(1,)] * 1000] * 256),
                sizes=np.array([1000] + [0] * 255),
            )
        ],
        tiers=256,
    ),
    "aliases": Directory([group(["a"])], aliases={f"{i}": "a" for i in range(30_000)}),
    "metadata": Directory([], metadata={f"{i}": "" for i in range(30_000)}),
    # If a Python string contains one character such as U+1F600, each of its characters takes four bytes.
    "wide names": Directory([group([f"\U0001f600{i:x}".ljust(900, "x") for i in range(3000)])]),
    "wide aliases": Directory([group(["a"])], aliases={f"\U0001f600{i:x}".ljust(900, "x"): "a" for i in range(3000)}),
    "wide metadata": Directory([], metadata={f"{i}": "\U0001f600" + "x" * 9000 for i in range(300)}),
    "large corners": Directory(
        [
            group(
                [f"{i}" for i in range(20_000)],
                shapes=[(1, 1, 1 << 30)] * 20_000,
                corners=Corners.of([[(1, 1, 1)] * 20_000] * 4),
                sizes=np.array([20_000, 0, 0, 0]),
            )
        ],
        tiers=4,
    ),
}


def file_of(directory: Directory) -> bytes:
    """Return a file with this directory, and with zeros in all segments."""
    segments = b"".join(
        bytes(int(size)) + zlib.crc32(bytes(int(size))).to_bytes(4, "little")
        for tier in range(directory.tiers)
        for each in directory.groups
        for size in each.sizes[tier : tier + 1]
        if size
    )
    return container.head(directory) + segments


@cache
def hostile(name: str) -> bytes:
    return file_of(HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_counted_before_it_is_allocated(name: str) -> None:
    data = hostile(name)
    tracemalloc.start()
    with frformat.open(data) as file:
        kept, peak = tracemalloc.get_traced_memory()
        assert len(file) == sum(each.tensors for each in HOSTILE[name].groups) + len(HOSTILE[name].aliases)
    tracemalloc.stop()
    with frformat.open(data, memory_budget=3 * peak + (1 << 20)):
        pass
    with pytest.raises(FrzError, match="BUDGET"):
        frformat.open(data, memory_budget=kept * 3 // 4)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_peak_stays_within_the_budget(name: str) -> None:
    data = hostile(name)
    for budget in (1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 24):
        tracemalloc.start()
        try:
            frformat.open(data, memory_budget=budget).close()
            fits = True
        except FrzError:
            fits = False
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= budget + (1 << 19)
        if fits:  # and takes as much within a larger budget
            break


class TestLimits:
    def test_names_together(self) -> None:
        names = [f"{i:05}".rjust(1024, "n") for i in range((1 << 16) - 1)] + ["x" * 1023]
        directory = Directory([Group("u8", [(1,)] * len(names), "none", ONE * len(names), names)])
        with_alias = packing.pack(replace(directory, aliases={"y": names[0]}))
        assert len(parser.parse(with_alias).groups[0].names) == 1 << 16  # exactly 2^26 bytes
        with pytest.raises(FrzError, match="LIMIT: the names together have more than 67108864 bytes"):
            parser.parse(packing.pack(replace(directory, aliases={"yz": names[0]})))

    def test_tensors_together(self) -> None:
        half = limits.TENSORS // 2
        factors: dict[int, object] = {0: 11, 2: [[0, 0]] * half, 13: 0, 14: [0]}
        document = {2: [factors, factors]}
        assert sum(each.tensors for each in parser.parse(msgpack.packb(document)).groups) == limits.TENSORS
        document[2].append({**factors, 2: [[0, 0]]})
        with pytest.raises(FrzError, match="LIMIT: more than 1048576 tensors"):
            parser.parse(msgpack.packb(document))

    def test_directory_bytes(self) -> None:
        text = np.random.default_rng(0).integers(32, 127, limits.DIRECTORY_BYTES, np.uint8).tobytes().decode()
        with pytest.raises(frformat.EncodeError, match="the directory has 67108"):
            frformat.save({}, metadata={"m": text})

    def test_values_for_stored_bytes(self) -> None:
        # 40 stored bytes may represent at most 2^16 · (40 + 16) values; larger tensors are not coded adaptively.
        count = limits.VALUES_PER_BYTE * (40 + limits.FREE_BYTES)
        tensor = CodedTensor(np.zeros(count, np.int32), (count,), "f32", step=0)
        with frformat.open(frformat.save({"x": tensor})) as file:
            assert not file["x"].any()
