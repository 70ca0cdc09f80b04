"""Decode, cache and rebuild the tensors of an open file, within a memory budget."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.errors import FrzError
from frformat.format import delta, values
from frformat.format.bases import KINDS
from frformat.format.coders import CHUNK, CODERS
from frformat.format.container import Container, SegmentReader
from frformat.format.directory import Group, Shape
from frformat.format.index import Index
from frformat.format.layout import SegmentRuns
from frformat.format.sharing import Lock
from frformat.format.tensor import Axis, CodedTensor
from frformat.format.values import Content, Values, assemble, bounds, values_bytes
from frformat.spectral import zigzag
from frformat.spectral.rebuild import working_memory

Array = NDArray[Any]

REMEMBERED: Final = 1 << 24
"""Size of the cache of decoded groups in bytes. After one tensor of a group, the group's other tensors are likely to be
requested next. The last group is cached whatever its size, if the budget allows it."""


class Contents:
    """The content of a file's segments.

    Args:
        file: the file.
        lock: held while the file is read or decoded values are cached, since threads can share an open file.
        container: the result of opening it.
        index: finds its tensors.
        tier: the tier at which tensors are decoded.
        budget: the memory budget of a request, in bytes.
        base: the contents of the base, if the file is a delta file and its base was given.
    """

    def __init__(
        self,
        file: IO[bytes],
        lock: Lock,
        container: Container,
        index: Index,
        tier: int,
        budget: int,
        base: Contents | None = None,
    ) -> None:
        self._file = file
        self._lock = lock
        self._container = container
        self._groups = container.directory.groups
        self._index = index
        self._tier = tier
        self._budget = budget
        self._base = base
        self._decoded: OrderedDict[int, Values] = OrderedDict()
        self._working: dict[int, int] = {}
        self._bases: dict[int, int] = {}
        self._bounds: tuple[int, dict[int, NDArray[np.int64]]] = (-1, {})

    def afford(self, needed: int) -> None:
        """Check that a request stays within the memory budget.

        Raises:
            FrzError: ``BUDGET``.
        """
        if needed > self._budget:
            reason = f"this needs {needed:,} bytes, but the memory budget is {self._budget:,}"
            raise FrzError("BUDGET", f"{reason}; raise it if you trust the file")

    def require_base(self, groups: Iterable[Group]) -> None:
        """Check that the base was given if one of ``groups`` needs it.

        Raises:
            FrzError: ``BASE``.
        """
        for group in groups:
            if group.delta and self._base is None:
                digest = (self._container.directory.base or b"").hex()
                reason = f"this is a delta file: also give its base, the file with the SHA-256 {digest}"
                raise FrzError("BASE", reason)

    def rebuilt(self, group_index: int, index: int, held: int = 0) -> Array:
        """Return a rebuilt tensor, while other tensors of the same request take ``held`` bytes.

        Raises:
            FrzError: ``BUDGET``, ``CHECKSUM``, ``STREAM`` or ``VALUE``.
        """
        group = self._groups[group_index]
        self.require_base([group])
        self._afford(group, index, held)
        _check_shape(group.shapes[index])
        out = self._stored(group_index, index).rebuild()
        # The result must not be a view of memory that also contains other tensors.
        return out if out.base is None or group.tensors == 1 else out.copy()

    def all_rebuilt(self, group_index: int, held: int = 0) -> Iterator[Array]:
        """Yield all tensors of a group in order, as :meth:`rebuilt` returns them. Elements are decoded together."""
        group = self._groups[group_index]
        size = values_bytes(group, self._tier)
        if group.elements and group.tensors > 1 and size <= REMEMBERED:
            self.afford(held + size + self._needed(group, self._tier))
            found = self._decode(group_index, self._tier).elements()
            # If an element is invalid, rebuilding the tensors one by one shows which tensor the error must name.
            if group.dtype != "bool" or found.view(np.uint8).max(initial=0) <= 1:
                start = 0
                for shape in group.shapes:
                    stop = start + math.prod(shape)
                    if start == stop:
                        _check_shape(shape)
                    yield found[start:stop].reshape(shape).copy()
                    start = stop
                return
        for index in range(group.tensors):
            tensor = self.rebuilt(group_index, index, held)
            held += tensor.nbytes
            yield tensor

    def stored(self, group_index: int, index: int) -> CodedTensor:
        """Return a tensor as the file stores it. Changing its arrays changes nothing else.

        Raises:
            FrzError: ``BUDGET``, ``CHECKSUM``, ``STREAM`` or ``VALUE``.
        """
        group = self._groups[group_index]
        self.require_base([group])
        self.afford(self._values_bytes(group, index))
        _check_shape(group.shapes[index] if group.kept is None else ())
        found = self._stored(group_index, index)
        return found if group.tensors == 1 and group.factors is None else _copied(found)

    def verified(self, group_index: int, tier: int) -> Iterator[None]:
        """Check a group at a tier: first its segments, then, with each iteration, the values of one tensor."""
        group = self._groups[group_index]
        self.require_base([group])
        self.afford(self._needed(group, tier))
        found = self._decode(group_index, tier)

        def check() -> Iterator[None]:
            for index in range(group.tensors):
                if zigzag.element_count(group.shapes[index]):
                    computed = group.numbers or not all(KINDS[kind].plain for kind in group.kinds(index))
                    self._coded(group, index, found.of(index), bare=True).check_values(finite=computed)
                yield

        return check()

    def _coded(self, group: Group, index: int, content: Content, *, bare: bool = False) -> CodedTensor:
        """Return the tensor with the given values; ``bare`` omits the bases, which the values do not depend on."""
        view = group.view(index)
        axes: tuple[Axis, ...] = ()
        if group.bases and not bare:
            factors = iter(group.factors[index] if group.factors is not None else ())
            seeds = iter(group.seeds[index] if group.seeds is not None else ())
            axes = tuple(self._axis(kind, factors, seeds) for kind in group.kinds(index))
        step = group.steps[index] if group.steps is not None else None
        shape = group.shapes[index]
        return CodedTensor(
            content.values, shape, group.dtype, axes, view, group.kept is not None, step, content.offsets
        )

    def _axis(self, kind: str, factors: Iterator[int], seeds: Iterator[int]) -> Axis:
        argument = KINDS[kind].argument
        if argument == "factor":
            group, index = self._index.factor(next(factors))
            return Axis(kind, self._stored(group, index))
        return Axis(kind, next(seeds)) if argument == "seed" else Axis(kind)

    def _stored(self, group_index: int, index: int) -> CodedTensor:
        group = self._groups[group_index]
        tensor = self._coded(group, index, self._content(group_index, index))
        tensor.check_values(finite=group.numbers)
        return tensor

    def _content(self, group_index: int, index: int) -> Content:
        """Return the values of one tensor; they are read alone if its group is large, uncoded and not yet decoded."""
        group = self._groups[group_index]
        with self._lock.held:
            if group_index not in self._decoded:
                needed = values_bytes(group, self._tier)
                if needed > REMEMBERED and group.tensors > 1 and CODERS[group.coder].plain:
                    return self._read_alone(group_index, index)
            return self._values(group_index).of(index)

    def _values(self, group_index: int) -> Values:
        """Return the values of a group, and cache them if it has several tensors."""
        group = self._groups[group_index]
        with self._lock.held:
            found = self._decoded.pop(group_index, None)
            if found is None:
                self._forget(values_bytes(group, self._tier))
                found = self._decode(group_index, self._tier)
            if group.tensors > 1:
                self._decoded[group_index] = found
        return found

    def _decode(self, group_index: int, tier: int) -> Values:
        """Return the values of a group at a tier, decoded from its segments and, in a delta file, added to the base."""
        group = self._groups[group_index]
        with self._lock.held:
            found = values.decode(self._file, self._container, group_index, tier)
        if self._base is None or not group.delta or not group.values[0]:
            return found
        parts = [
            delta.add(found.flat(index), self._base.flat(name), group.value_type)
            for index, name in enumerate(group.names)
        ]
        return Values(group, {0: parts[0] if len(parts) == 1 else np.concatenate(parts)}, tier)

    def flat(self, name: str) -> Array:
        """Return the values of a tensor of this file, which is the base of another, in file order.

        Raises:
            FrzError: the file is damaged or malformed; the message says that it is the base.
        """
        group_index, index = self._find(name)
        try:
            return self._values(group_index).flat(index)
        except FrzError as error:
            raise FrzError(error.code, f"in the base: {error.reason}", offset=error.offset) from error

    def _find(self, name: str) -> tuple[int, int]:
        found = self._index.find(self._container.directory.aliases.get(name, name))
        assert found is not None
        return found

    def _forget(self, needed: int) -> None:
        """Drop decoded groups, least recently used first, to make room."""
        most = min(REMEMBERED, self._budget // 4)
        while self._decoded and sum(each.nbytes for each in self._decoded.values()) + needed > most:
            self._decoded.popitem(last=False)

    def _read_alone(self, group_index: int, index: int) -> Content:
        """Return the values of one tensor of an uncoded group, once the checksums have matched."""
        group = self._groups[group_index]
        parts = {}
        for tier, starts in self._bounds_of(group_index).items():
            extent = self._container.extents.of(group_index, tier)
            assert extent is not None
            start, stop = int(starts[index]), int(starts[index + 1])
            parts[tier] = values.read_part(self._file, extent, group, start, stop - start)
        return assemble(group, index, self._tier, parts)

    def _bounds_of(self, group_index: int) -> dict[int, NDArray[np.int64]]:
        """Return where each tensor's values begin in the segments of a group, once their checksums have matched."""
        if self._bounds[0] != group_index:
            group = self._groups[group_index]
            for tier in values.used_tiers(group, self._tier):
                extent = self._container.extents.of(group_index, tier)
                assert extent is not None
                SegmentReader(self._file, extent).check()
            self._bounds = group_index, {tier: bounds(group, tier) for tier in values.used_tiers(group, self._tier)}
        return self._bounds[1]

    def _values_bytes(self, group: Group, index: int) -> int:
        """Return the size in bytes of a tensor's decoded values, including those of its group and its factors."""
        needed = self._needed(group, self._tier)
        for number in group.factors[index] if group.factors is not None else ():
            place, row = self._index.factor(number)
            factors = self._groups[place]
            needed += values_bytes(factors, self._tier) + 4 * zigzag.element_count(factors.shapes[row])
        return needed

    def _needed(self, group: Group, tier: int) -> int:
        """Return the size in bytes of a group's decoded values, including differences and the base's values."""
        needed = values_bytes(group, tier) + self._decoding(group)
        if self._base is not None and group.delta:
            needed += 4 * int(group.values[0]) + self._older(group, self._base)
        return needed

    def _older(self, group: Group, base: Contents) -> int:
        """Return the size in bytes of the largest of the base's groups that a group needs, with its working memory."""
        at = id(group)
        if at not in self._bases:
            groups = [base._groups[place] for place in {base._find(name)[0] for name in group.names}]
            self._bases[at] = max(values_bytes(each, 0) + base._decoding(each) for each in groups)
        return self._bases[at]

    def _decoding(self, group: Group) -> int:
        """Return the working memory in bytes for decoding any segment of a group that is present."""
        at = id(group)
        if at not in self._working:
            memory = CODERS[group.coder].memory
            self._working[at] = max(
                (
                    min(group.size(tier), CHUNK) + memory(group.stored_type, SegmentRuns(group, tier), group.size(tier))
                    for tier in range(len(group.sizes))
                    if group.values[tier]
                ),
                default=0,
            )
        return self._working[at]

    def _afford(self, group: Group, index: int, held: int) -> None:
        """Check that the budget allows rebuilding one tensor while ``held`` bytes are taken."""
        needed = held + zigzag.element_count(group.shapes[index]) * DTYPES[group.dtype].itemsize
        extent, view = group.extent(index, self._tier), group.view(index)
        elements = group.steps is None and group.format is None and not group.bases and group.kept is None
        if elements and extent == view:
            several = group.tensors > 1 or group.delta
            self.afford(needed + (self._needed(group, self._tier) if several else self._decoding(group)))
            return
        needed += self._values_bytes(group, index)
        self.afford(needed)
        corner = extent
        if group.kept is not None:
            corner = zigzag.box(view, extent[0])
            needed += 4 * extent[0] + zigzag.working_memory(corner, extent[0])
            self.afford(needed)
        bases = [KINDS[kind].make(n, r, None) for kind, n, r in zip(group.kinds(index), view, corner, strict=True)]
        self.afford(needed + working_memory(bases))


def _copied(tensor: CodedTensor) -> CodedTensor:
    """Return a tensor whose arrays, unlike those of decoded groups, are not cached for later requests."""
    axes = tuple(
        replace(axis, argument=_copied(axis.argument)) if isinstance(axis.argument, CodedTensor) else axis
        for axis in tensor.axes
    )
    offsets = {axis: found.copy() for axis, found in tensor.offsets.items()}
    return replace(tensor, values=tensor.values.copy(), axes=axes, offsets=offsets)


def _check_shape(shape: Shape) -> None:
    """Check that NumPy supports arrays of this shape. Its limit applies to the product of all lengths other than 0."""
    if math.prod(n for n in shape if n) >= 1 << 58:
        raise FrzError("BUDGET", f"NumPy does not support shape {list(shape)}")
