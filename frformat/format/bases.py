"""The kinds of basis that an axis can have, in the order of their ids, and the rules for each in a file.

:mod:`frformat.spectral.bases` computes the bases, one kind per module. The fields of :class:`Kind` describe how kinds
differ. The rest of this package refers by name only to ``dct``, to recognize spectra, and ``stored``, to find factors.
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
        name: its name in the specification.
        make: function (length, number of core entries, argument) → basis.
        argument: what the file stores for an axis besides its kind: the number of a factor, a seed, or nothing.
        ordered: whether a core can be a zigzag prefix.
        most: largest number of core entries on the axis.
        plain: whether a tensor whose axes are all of this kind can have any element type.
    """

    name: str
    make: Callable[[int, int, Any], Basis]
    argument: Literal["factor", "seed"] | None = None
    ordered: bool = False
    most: int = limits.AXIS
    plain: bool = False


def _stored(length: int, count: int, factor: Any) -> Basis:
    """Return the basis of a factor, or a placeholder that takes no memory if the factor is None."""
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
"""Kinds by name, in the order of their ids."""

PLAIN: Final = "identity"
"""The kind of an axis if the file does not specify one."""


def spread(bases: Sequence[str], rank: int) -> tuple[str, ...]:
    """Return the kind of each axis. The last entry in the file also applies to all remaining axes."""
    return tuple(bases[min(axis, len(bases) - 1)] for axis in range(rank)) if bases else (PLAIN,) * rank


def compact(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the shortest list that represents ``kinds``; empty if all are plain."""
    size = len(kinds)
    while size > 1 and kinds[size - 1] == kinds[size - 2]:
        size -= 1
    short = tuple(kinds[:size])
    return () if short in ((), (PLAIN,)) else short
