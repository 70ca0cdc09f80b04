"""The factors of a file that is being written. Each is stored once, before the tensors that use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from frformat.errors import EncodeError
from frformat.format import limits
from frformat.format.directory import Group, Shape
from frformat.format.grouping import Pending, pending
from frformat.format.per_tier import PerTier
from frformat.format.tensor import CodedTensor


class Factors:
    """Collects the factors that the ``stored`` axes of tensors use.

    Args:
        tiers: number of tiers in the file.
    """

    def __init__(self, tiers: int) -> None:
        self._tiers = tiers
        self._factors: list[CodedTensor] = []  # keeps the factors alive, so that ids stay unique
        self._places: dict[int, int] = {}
        self._rows: list[list[int]] = []
        self._numbers: dict[int, int] = {}

    def numbers(self, tensor: CodedTensor | PerTier) -> tuple[int, ...]:
        """Return a provisional number for each factor of a tensor, in axis order; see :meth:`numbered`."""
        first = tensor.tensors[0] if isinstance(tensor, PerTier) else tensor
        found = []
        for axis in first.axes:
            if isinstance(axis.argument, CodedTensor):
                place = self._places.setdefault(id(axis.argument), len(self._factors))
                if place == len(self._factors):
                    self._factors.append(axis.argument)
                    self._rows.append([0] * self._tiers)
                found.append(place)
        return tuple(found)

    def use(self, part: Pending) -> None:
        """Record the number of factor rows that a tensor needs in each tier."""
        if not part.factors:
            return
        axes = [a for a, axis in enumerate(part.first.axes) if isinstance(axis.argument, CodedTensor)]
        for axis, place in zip(axes, part.factors, strict=True):
            rows = self._rows[place]
            for tier in range(self._tiers):
                extent = part.extents[min(tier, len(part.extents) - 1)]
                rows[tier] = max(rows[tier], extent[axis])

    def groups(self, most: int) -> list[list[Pending]]:
        """Gather similar factors into groups of at most ``most`` values, or of a single factor."""
        gathered: list[list[Pending]] = []
        places: list[list[int]] = []
        counts: list[int] = []
        open_groups: dict[object, int] = {}
        for place, (factor, rows) in enumerate(zip(self._factors, self._rows, strict=True)):
            length = factor.shape[1]
            whole = all(r == factor.shape[0] for r in rows[:-1])
            cuts: list[Shape] = [] if whole else [(r, length) for r in rows[:-1]]
            try:
                part = pending("", factor, cuts or [limits.UNBOUNDED] * (self._tiers - 1), factor=True)
            except EncodeError as error:
                raise EncodeError(f"a factor of shape {list(factor.shape)}: {error}") from error
            at = open_groups.get(part.likeness)
            if at is None or counts[at] + part.count > most:
                at = open_groups[part.likeness] = len(gathered)
                gathered.append([])
                places.append([])
                counts.append(0)
            gathered[at].append(part)
            places[at].append(place)
            counts[at] += part.count
        self._numbers = {place: number for number, place in enumerate(chain.from_iterable(places))}
        return gathered

    def numbered(self, group: Group) -> Group:
        """Return a group with the final factor numbers. Call it after :meth:`groups`."""
        if group.factors is None:
            return group
        factors: Sequence[tuple[int, ...]] = [tuple(self._numbers[place] for place in each) for each in group.factors]
        return replace(group, factors=factors)
