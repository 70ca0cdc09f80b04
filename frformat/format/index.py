"""Find the tensors and factors of a directory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from frformat.dtypes import DTYPES
from frformat.format.directory import Directory
from frformat.spectral.zigzag import element_count


class Index:
    """Finds tensors by name and factors by number, using little memory for each.

    Attributes:
        factors: number of factors.
    """

    def __init__(self, directory: Directory) -> None:
        self._groups = directory.groups
        self._places: dict[str, int] = {}
        self._starts: list[int] = []  # for each group with names, the number of tensors before it
        self._named: list[int] = []
        self._factor_starts: list[int] = []
        self._factor_groups: list[int] = []
        self.factors = 0
        for number, group in enumerate(directory.groups):
            if group.names:
                self._starts.append(len(self._places))
                self._named.append(number)
                start = len(self._places)
                self._places.update(zip(group.names, range(start, start + group.tensors), strict=True))
            else:
                self._factor_starts.append(self.factors)
                self._factor_groups.append(number)
                self.factors += group.tensors

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def names(self) -> Iterator[str]:
        """Return all names, in file order."""
        return iter(self._places)

    def find(self, name: str) -> tuple[int, int] | None:
        """Return the group of a tensor and its index in it, or None if no tensor has this name."""
        place = self._places.get(name)
        if place is None:
            return None
        at = bisect_right(self._starts, place) - 1
        return self._named[at], place - self._starts[at]

    def factor(self, number: int) -> tuple[int, int]:
        """Return the group of a factor and its index in it."""
        at = bisect_right(self._factor_starts, number) - 1
        return self._factor_groups[at], number - self._factor_starts[at]

    def nbytes(self) -> int:
        """Return the total size of all rebuilt tensors in bytes."""
        return sum(
            sum(map(element_count, group.shapes)) * DTYPES[group.dtype].itemsize
            for group in self._groups
            if group.names
        )
