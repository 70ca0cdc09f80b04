"""Malicious files with deliberate faults but correct checksums, so that the code behind the checksums is reached."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress
from typing import Any

import msgpack
from hypothesis import example, given
from hypothesis import strategies as st

from frformat import FrzError
from tests.attacks.edits import places
from tests.attacks.seeds import BUDGET, SEEDS, Seed, decode
from tests.conformance.expected import FAULTY, VALID, bytes_of
from tests.vectors import msgpack as wire
from tests.vectors.msgpack import Map

SECONDS = 20
HEAVY = ("bomb", "limit-axis", "limit-elements", "limit-kept", "limit-size", "limit-stored", "msgpack-count", "depth")
MEMORY = 8 << 20
"""Memory that a reader may take beyond its budget: the directory's objects, tables, the libraries' own buffers."""

seeds = st.sampled_from(SEEDS)
plain_seeds = st.sampled_from([seed for seed in SEEDS if not seed.flags])
bounds = [n + d for n in (0, 2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**48, 2**63) for d in (-1, 0, 1)] + [2**64 - 1]
integers = st.sampled_from([n for n in bounds if n < 2**64]) | st.integers(-5, 300) | st.integers(-(2**63), 2**64 - 1)
scalars = st.none() | st.booleans() | integers | st.floats() | st.text(max_size=5) | st.binary(max_size=5).map(wire.Bin)
values = st.recursive(
    scalars | st.binary(max_size=6).map(wire.text),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(inner, inner), max_size=3).map(Map),
    max_leaves=8,
)


def survives(data: bytes) -> None:
    """Decode a file. This must return a result or raise an ``FrzError``, and take little time and memory."""
    started = time.monotonic()
    with suppress(FrzError):
        decode(data)
    assert time.monotonic() - started < SECONDS


@st.composite
def edited_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Return ``data`` after a few bytes were changed, inserted, removed, or copied from elsewhere."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(out)))
        kind = draw(st.sampled_from(["set", "insert", "delete", "copy", "flip"]))
        if kind == "set" and at < len(out):
            out[at] = draw(st.integers(0, 255) | st.sampled_from([0xC1, 0xDB, 0xDD, 0xDF, 0xCF, 0xFF]))
        elif kind == "flip" and at < len(out):
            out[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "insert":
            out[at:at] = draw(st.binary(min_size=1, max_size=6))
        elif kind == "delete":
            del out[at : at + draw(st.integers(1, 6))]
        elif kind == "copy" and out:
            start = draw(st.integers(0, len(out) - 1))
            out[at:at] = out[start : start + draw(st.integers(1, 20))]
    return bytes(out)


@given(st.data(), seeds)
def test_edited_bytes_of_a_directory(data: st.DataObject, seed: Seed) -> None:
    survives(seed.rebuilt(directory=data.draw(edited_bytes(seed.directory))))


@given(st.data(), seeds)
def test_edited_bytes_of_segments(data: st.DataObject, seed: Seed) -> None:
    """Sizes stay unchanged, so that the content is examined."""
    segments = [(data.draw(edited_bytes(part)) + bytes(len(part)))[: len(part)] for part in seed.segments]
    survives(seed.rebuilt(segments=tuple(segments)))


@given(seeds, st.integers(0, 255), integers, integers)
def test_any_header(seed: Seed, flags: int, stored: int, length: int) -> None:
    fields = {"stored": stored % 2**32, "length": length % 2**32}
    survives(seed.rebuilt(flags=flags, **fields))
    survives(seed.rebuilt(**fields))
    survives(seed.rebuilt(length=fields["length"]))


@given(st.data(), plain_seeds)
def test_edited_trees(data: st.DataObject, seed: Seed) -> None:
    """A directory remains valid MessagePack, but its parts are swapped, removed, duplicated or replaced."""
    tree = msgpack.unpackb(seed.directory, object_pairs_hook=Map, strict_map_key=False)
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(tree))
        if found:
            _edit(data, *data.draw(st.sampled_from(found)))
    pack = data.draw(st.sampled_from([wire.pack, wire.pack_widest]))
    survives(seed.rebuilt(directory=pack(tree)))


def _edit(data: st.DataObject, node: Any, at: int) -> None:
    kind = data.draw(st.sampled_from(["value", "integer", "delete", "double", "move", "key"]))
    if kind == "delete":
        del node[at]
    elif kind == "double":
        node.insert(at, node[at])
    elif kind == "move":
        node.insert(data.draw(st.integers(0, len(node))), node.pop(at))
    else:
        new = data.draw(integers if kind == "integer" else values)
        if isinstance(node, Map):
            key, value = node[at]
            node[at] = (new, value) if kind == "key" else (key, new)
        else:
            node[at] = new


@given(st.binary(max_size=200))
@example(b"\x91" * 200)
@example(b"\x81" * 200)
@example(b"\xdf\xff\xff\xff\xff" * 40)
def test_any_bytes_as_directory(directory: bytes) -> None:
    survives(SEEDS[0].rebuilt(directory=directory))
    survives(SEEDS[0].rebuilt(directory=directory, flags=1, length=1 << 20))


@given(st.binary(max_size=64))
def test_any_bytes_as_file(data: bytes) -> None:
    survives(data)
    survives(b"\x89FRZ\x01" + data)


def test_vectors_that_need_much_memory_stay_within_the_budget() -> None:
    for entry in FAULTY:
        if not entry["name"].startswith(HEAVY):
            continue
        data = bytes_of(entry)
        tracemalloc.start()
        survives(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        directory = min(int.from_bytes(data[10:14], "little"), 1032 * len(data))
        assert peak < BUDGET + MEMORY + 32 * directory, entry["name"]


def test_valid_vectors_at_a_small_budget_raise_only_budget_errors() -> None:
    for entry in VALID:
        survives(bytes_of(entry))
