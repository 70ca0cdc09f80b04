"""Describe a file without rebuilding tensors. Each list takes one pass over the directory and is never in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from frformat.cli.dump.facts import Checksums, DirectoryFacts, FileFacts, GroupFacts, TensorFacts, TierFacts
from frformat.errors import FrzError
from frformat.format import container
from frformat.format.container import Container, SegmentReader, framed_sizes
from frformat.format.directory import Group
from frformat.format.info import TensorInfo
from frformat.format.reader import FrzFile
from frformat.format.tiers import metrics
from frformat.spectral.zigzag import element_count

CHECKED_BYTES: Final = 1 << 26
"""Files of at most this many bytes are read in full, to check the checksums of their segments."""

BOX_EFFORT: Final = 1 << 17
"""Total effort to spend on computing boxes; the effort for a box is 2 to the power of its rank."""

DENSE_BYTES: Final = 4
"""Size in bytes of a weight that is stored as a plain f32."""


class Survey:
    """Collects everything in the directory, and whatever else can be found without rebuilding a tensor.

    Args:
        file: the file, open at the tier to describe.
        path: its name in the output.
        stats: also count nonzero values, which requires decoding all segments.

    Raises:
        FrzError: a segment is damaged, or counting needs too much memory.
    """

    def __init__(self, file: FrzFile, path: str, *, stats: bool = False) -> None:
        self._file = file
        self._path = path
        self._directory = file.container.directory
        tensors = [group.tensors for group in self._directory.groups]
        self._starts = [0, *accumulate(tensors)]
        self._nonzero = self._counted() if stats else None

    def summary(self) -> FileFacts:
        """Return the description of the file as a whole."""
        contents, directory, tier = self._file.container, self._directory, self._file.tier
        header, used = contents.header, contents.ends[tier]
        weights = sum(sum(map(element_count, group.shapes)) for group in directory.groups if group.names)
        tiers = self._tiers()
        return FileFacts(
            file=self._path,
            bytes=contents.size,
            bytes_used=used,
            version=container.VERSION,
            tensor_count=len(self._file),
            alias_count=len(directory.aliases),
            factor_count=self._file.factors,
            weights=weights,
            dense_f32_bytes=DENSE_BYTES * weights,
            ratio=DENSE_BYTES * weights / used,
            bits_per_parameter=_bits(used, weights),
            numbers=tiers[tier].numbers,
            segment_bytes=used - header.end,
            directory=DirectoryFacts(header.stored, header.length, header.end, header.deflated),
            tier=tier,
            tiers=tiers,
            metadata=directory.metadata,
        )

    def groups(self) -> Iterator[GroupFacts]:
        """Yield each group."""
        for index, group in enumerate(self._directory.groups):
            yield GroupFacts(
                group=index,
                factors=not group.names,
                bases=group.bases or None,
                dtype=group.dtype,
                format=group.format,
                stepped=group.steps is not None,
                coder=group.coder,
                tensors=group.tensors,
                bytes=_group_bytes(group, self._file.tier),
                bytes_per_tier=framed_sizes(group)[: self._file.tier + 1].tolist(),
            )

    def tensors(self, names: Iterable[str] | None = None) -> Iterator[TensorFacts]:
        """Yield the named tensors, or all of them with aliases last, each with its share of the bytes of its group.

        Raises:
            FrzError: ``NOT_FOUND``.
        """
        effort = 0
        for name in self._file if names is None else names:
            info = self._file.info(name)
            effort += 1 << len(info.view or info.shape) if info.kept else 0
            yield self._tensor(info, boxed=effort <= BOX_EFFORT)

    def factors(self) -> Iterator[TensorFacts]:
        """Yield each factor."""
        for number in range(self._file.factors):
            yield self._tensor(self._file.factor_info(number), number)

    def lists(self) -> dict[str, Iterator[GroupFacts] | Iterator[TensorFacts]]:
        """Return the groups, factors and tensors as iterators, so that long lists take no memory."""
        return {"groups": self.groups(), "factors": self.factors(), "tensors": self.tensors()}

    def tensor(self, name: str) -> TensorFacts:
        """Return one tensor.

        Raises:
            FrzError: ``NOT_FOUND``.
        """
        return self._tensor(self._file.info(name), boxed=True)

    def _tensor(self, info: TensorInfo, factor: int | None = None, *, boxed: bool = False) -> TensorFacts:
        tier = self._file.tier
        row = self._starts[info.group] + info.index
        size = 0.0 if info.alias_of is not None else float(self._shares[row])
        return TensorFacts(
            name=info.name,
            factor=factor,
            alias_of=info.alias_of,
            kind="spectrum" if info.spectral else "plain" if info.plain else "computed",
            dtype=info.dtype,
            shape=info.shape,
            view=info.view,
            bases=None if info.plain else info.bases,
            factors=info.factors or None,
            seeds=info.seeds or None,
            kept=info.kept or None,
            corners=info.corners or None,
            box=info.box(tier) if info.kept and boxed else None,
            per_tier=info.per_tier,
            numbers=info.numbers(tier),
            format=info.format,
            step=info.step,
            offsets=info.offsets or None,
            coder=info.coder,
            group=info.group,
            bytes=round(size),
            bytes_exact=self._directory.groups[info.group].tensors == 1 or info.alias_of is not None,
            bits_per_parameter=_bits(size, info.elements),
            nonzero=None if self._nonzero is None else int(self._nonzero[row]),
        )

    def _tiers(self) -> list[TierFacts]:
        contents, tiers = self._file.container, self._directory.tiers
        numbers, segments = [0] * tiers, [0] * tiers
        for group in self._directory.groups:
            for tier, count in enumerate(group.values.tolist()):
                numbers[tier] += int(count)
                segments[tier] += count > 0
        starts = [contents.header.end, *contents.ends]
        told = zip(accumulate(numbers), metrics(self._directory.metadata, tiers), strict=True)
        return [
            TierFacts(
                tier=tier,
                end=contents.ends[tier],
                bytes=contents.ends[tier] - starts[tier],
                segments=segments[tier],
                numbers=count,
                present=tier < contents.present,
                metrics=about,
            )
            for tier, (count, about) in enumerate(told)
        ]

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """The size of each tensor and factor in bytes, from its share of the values in each segment of its group."""
        shares = np.empty(self._starts[-1])
        for start, group in zip(self._starts, self._directory.groups, strict=False):
            shares[start : start + group.tensors] = _group_shares(group, self._file.tier)
        return shares

    def _counted(self) -> NDArray[np.int64]:
        """Return the number of nonzero values of each tensor and factor."""
        found = np.zeros(self._starts[-1], np.int64)
        for name in self._file:
            info = self._file.info(name)
            if info.alias_of is None and info.elements:
                found[self._starts[info.group] + info.index] = np.count_nonzero(self._file.stored(name).values)
        for number in range(self._file.factors):
            info = self._file.factor_info(number)
            found[self._starts[info.group] + info.index] = np.count_nonzero(self._file.factor(number).values)
        return found


def checksum_facts(file: IO[bytes], contents: Container) -> tuple[Checksums, FrzError | None]:
    """Return whether the checksums of all present segments match, and the first error, if there is one."""
    error: FrzError | None = None
    checked = contents.size <= CHECKED_BYTES
    count = 0
    for extent in contents.extents.present(contents.present):
        count += 1
        if checked and error is None:
            try:
                SegmentReader(file, extent).check()
            except FrzError as found:
                error = found
    return Checksums("ok", "damaged" if error is not None else "ok" if checked else "unchecked", count), error


def _group_bytes(group: Group, tier: int) -> int:
    return int(framed_sizes(group)[: tier + 1].sum())


def _group_shares(group: Group, tier: int) -> NDArray[np.float64] | float:
    if group.tensors == 1:
        return float(_group_bytes(group, tier))
    sizes, values = framed_sizes(group)[: tier + 1], group.values[: tier + 1]
    per_value = np.divide(sizes, values, out=np.zeros(len(sizes)), where=values > 0)
    shares = np.zeros(group.tensors)
    for at in np.flatnonzero(per_value).tolist():
        shares += group.counts(at) * per_value[at]
    return shares


def _bits(size: float, parameters: int) -> float | None:
    """Return the bits per parameter; None if there are no parameters."""
    return 8 * size / parameters if parameters else None
