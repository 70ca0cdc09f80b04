"""The kinds of bases that an axis can have, in the order of their ids, and what a file says of each.

What a basis computes is in :mod:`frformat.spectral.bases`, one file each; nothing else asks for a kind by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from frformat.format import limits
from frformat.spectral.bases import Basis, Dct, Identity, Seeded, Stored


@dataclass(frozen=True)
class Kind:
    """A kind of basis.

    Attributes:
        name: as the specification calls it.
        make: (length, entries of the core, argument) → the basis.
        argument: what the file gives for an axis beside its kind: the number of a factor, a seed, or nothing.
        ordered: whether a core can be the start of the zigzag order.
        most: largest number of entries of a core on the axis.
        plain: whether a tensor all of whose axes are of this kind can have any element type.
    """

    name: str
    make: Callable[[int, int, Any], Basis]
    argument: Literal["factor", "seed"] | None = None
    ordered: bool = False
    most: int = limits.AXIS
    plain: bool = False


def _stored(length: int, count: int, factor: Any) -> Basis:
    """With a stand-in that takes no memory if the factor is None."""
    return Stored(np.broadcast_to(np.float32(0), (count, length)) if factor is None else factor, count)


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("identity", lambda length, count, _: Identity(length, count), ordered=True, plain=True),
        Kind("dct", lambda length, count, _: Dct(length, count), ordered=True),
        Kind("stored", _stored, "factor", most=limits.COLUMNS),
        Kind("seeded", lambda length, count, seed: Seeded(seed or 0, length, count), "seed", most=limits.COLUMNS),
    )
}
"""By name, in the order of their ids."""

PLAIN: Final = "identity"
"""The kind of axes of which a file says nothing."""


def spread(bases: Sequence[str], rank: int) -> tuple[str, ...]:
    """Return the kind of each axis, from what a file says: the last entry holds for all further axes."""
    return tuple(bases[min(axis, len(bases) - 1)] for axis in range(rank)) if bases else (PLAIN,) * rank


def compact(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the shortest way to say ``kinds``; empty if all are plain."""
    size = len(kinds)
    while size > 1 and kinds[size - 1] == kinds[size - 2]:
        size -= 1
    short = tuple(kinds[:size])
    return () if short in ((), (PLAIN,)) else short
