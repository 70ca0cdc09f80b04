"""Swap, remove, duplicate or replace parts of a directory's tree, which remains valid MessagePack."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, Final

from tests.vectors import msgpack as wire
from tests.vectors.msgpack import Map

BOUNDS: Final = [n + d for n in (1, 16, 128, 256, 2**16, 2**31, 2**32, 2**48, 2**63) for d in (-1, 0, 1)] + [
    2**64 - 1,
    -1,
    -2017,
]
OTHERS: Final[list[Any]] = [
    *(None, True, "", "a", "ab", 1.0, [], [0], [None], Map(), Map([(0, 1)])),
    wire.text(b"\xff"),
]


def edit(chance: random.Random, tree: Any) -> None:
    """Change one entry of one array or map, if there are any."""
    found = [*places(tree)]
    if not found:
        return
    node, at = chance.choice(found)
    kind = chance.random()
    if kind < 0.15:
        del node[at]
    elif kind < 0.3:
        node.insert(chance.randrange(len(node) + 1), copy.deepcopy(node[at]))
    else:
        key, value = node[at] if isinstance(node, Map) else (None, node[at])
        new = copy.deepcopy(chance.choice(BOUNDS if kind < 0.6 else OTHERS))
        if kind > 0.8 and type(value) is int and abs(value) < 2**63 - 1:
            new = value + chance.choice([-1, 1, 16])
        node[at] = (key, new) if isinstance(node, Map) else new


def places(node: Any) -> Iterator[tuple[Any, int]]:
    """Yield every entry of every array, and every pair of every map."""
    for at in range(len(node)):
        yield node, at
        child = node[at][1] if isinstance(node, Map) else node[at]
        if isinstance(child, list):
            yield from places(child)


def with_other_bytes(chance: random.Random, data: bytes) -> bytes:
    """Change up to three bytes."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 3) if data else 0):
        at = chance.randrange(len(out))
        out[at] = chance.choice([chance.randrange(256), out[at] ^ 1 << chance.randrange(8)])
    return bytes(out)
