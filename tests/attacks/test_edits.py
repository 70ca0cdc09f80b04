from __future__ import annotations

import random

from tests.attacks.edits import OTHERS, edit
from tests.vectors import msgpack as wire
from tests.vectors.msgpack import Map


def test_many_edits_of_a_tree_leave_a_tree():
    """Edits insert copies: no part contains itself, and later edits do not change inserted parts."""
    before = [wire.pack(other) for other in OTHERS]
    chance = random.Random(1)
    for _ in range(20):
        tree = Map([(0, [1, [2, 3]]), (1, Map([(2, [])]))])
        for _ in range(100):
            edit(chance, tree)
            if len(wire.pack(tree)) > 1000:
                break
    assert [wire.pack(other) for other in OTHERS] == before
