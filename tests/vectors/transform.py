"""Zigzag order, bases and reference weights (specification, sections 5, 7 and 8), computed by their definitions.

Weights are sums of products, computed with 40 decimal digits and rounded once to binary64, so that they are the same
on every machine.
"""

from __future__ import annotations

import decimal
import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

CONTEXT = decimal.Context(prec=40, Emin=-(10**6), Emax=10**6)
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
SAMPLE = 64
"""Largest number of weights to record for a tensor."""

Index = tuple[int, ...]
Column = Callable[[int], Sequence[Decimal]]
"""U[x, i] for all x, by i."""


def zigzag(shape: Sequence[int], k: int) -> list[Index]:
    """Return the first ``k`` multi-indices: those of a large enough corner, sorted by sum, then lexicographically."""
    reach = 1
    while math.prod(min(n, reach) for n in shape) < k or _below(shape, reach) < k:
        reach += 1
    corner = itertools.product(*(range(min(n, reach)) for n in shape))
    return sorted(corner, key=lambda index: (sum(index), index))[:k]


def _below(shape: Sequence[int], reach: int) -> int:
    """Return how many multi-indices have a sum below ``reach``; all of their entries are below ``reach``, too."""
    counts = [1] + [0] * (reach - 1)
    for n in shape:
        counts = [sum(counts[max(0, total - n + 1) : total + 1]) for total in range(reach)]
    return sum(counts)


def weights(core: Mapping[Index, float], lengths: Sequence[int], columns: Sequence[Column]) -> list[Decimal]:
    """Return all elements, in row-major order, of the tensor that a core and its bases represent.

    Args:
        core: its entries.
        lengths: the view.
        columns: the basis of each axis.
    """
    with decimal.localcontext(CONTEXT):
        # Sum over the last axis for entries that share the other indices, then proceed to the previous axis.
        partial: dict[Index, list[Decimal]] = {index: [Decimal(value)] for index, value in core.items()}
        for column in reversed(columns):
            sums: dict[Index, list[Decimal]] = {}
            for index, inner in partial.items():
                *before, i = index
                grown = [u * w for u in column(i) for w in inner]
                key = tuple(before)
                sums[key] = [a + b for a, b in zip(sums[key], grown, strict=True)] if key in sums else grown
            partial = sums
        return partial.get((), [Decimal(0)] * math.prod(lengths))


def identity(n: int) -> Column:
    """Return the basis with ones where x = i."""
    return lambda i: [Decimal(int(x == i)) for x in range(n)]


def cosines(n: int) -> Column:
    """Return the orthonormal DCT-II."""
    return functools.lru_cache(maxsize=None)(lambda i: _cosines(n, i))


def _cosines(n: int, i: int) -> list[Decimal]:
    with decimal.localcontext(CONTEXT):
        if i == 0:
            return [(1 / Decimal(n)).sqrt()] * n
        scale = (2 / Decimal(n)).sqrt()
        table = quadrant(n)
        return [scale * _cosine(table, n, (2 * x + 1) * i % (4 * n)) for x in range(n)]


@functools.lru_cache(maxsize=4)
def quadrant(n: int) -> tuple[Decimal, ...]:
    """Return cos(π·m / 2n) for m from 0 to n, computing each by rotation from the previous one."""
    with decimal.localcontext(CONTEXT) as context:
        context.prec = 60
        angle = PI / (2 * n)
        cos = sum((_term(angle, 2 * j) for j in range(30)), Decimal(0))
        sin = sum((_term(angle, 2 * j + 1) for j in range(30)), Decimal(0))
        out, c, s = [], Decimal(1), Decimal(0)
        for _ in range(n):
            out.append(c)
            c, s = c * cos - s * sin, s * cos + c * sin
        return (*out, Decimal(0))


def _term(angle: Decimal, power: int) -> Decimal:
    term = angle**power / math.factorial(power)
    return -term if power // 2 % 2 else term


def _cosine(table: Sequence[Decimal], n: int, m: int) -> Decimal:
    """Return cos(π·m / 2n) for 0 ≤ m < 4n."""
    m = min(m, 4 * n - m)
    return table[m] if m <= n else -table[2 * n - m]


def sample(count: int) -> list[int]:
    """Return indices of the weights to record: all of a small tensor, else the first, the last and some in between."""
    if count <= SAMPLE:
        return list(range(count))
    spread = {0, count - 1}
    at = 0
    while len(spread) < SAMPLE:
        at = (at * 1103515245 + 12345) % 2**31
        spread.add(at * count >> 31)
    return sorted(spread)
