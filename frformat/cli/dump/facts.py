"""What a file holds, as the plain data that ``dump --json`` prints and the listing is made from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import IO, Any, Final

from frformat.errors import FrzError
from frformat.format import container
from frformat.format.container import CRC_BYTES, Container, Extent, SegmentReader
from frformat.format.directory import Directory
from frformat.format.info import TensorInfo
from frformat.format.reader import FrzFile
from frformat.format.tiers import figures
from frformat.spectral.zigzag import element_count

CHECKED_BYTES: Final = 1 << 26
"""Files of at most so many bytes are also read through, to check the checksums of their segments."""

BOXED_VALUES: Final = 1 << 20
"""The box of more coefficients is not told: finding it costs memory that the size of a file does not bound."""

DENSE_BYTES: Final = 4
"""Bytes of a weight that is stored plainly, as f32."""


def file_facts(file: FrzFile, path: str) -> dict[str, Any]:
    """All that the directory tells.

    Args:
        file: the file, open at the tier to be told of.
        path: what to call it.

    Returns:
        Sizes in bytes, counts, and lists ``tiers``, ``groups`` and ``tensors``. The bytes of a group are those of its
        segments up to the open tier with their checksums, so that all groups and the framed directory add up to
        ``bytes_used``. A tensor whose rows are what smaller tiers have of another, ``rows_of``, is no weight.
    """
    contents = file.container
    directory = contents.directory
    used = contents.ends[file.tier]
    extents = [extent for extent in contents.extents if extent.tier <= file.tier]
    groups = _groups(directory, extents)
    shares = _shares(directory, extents)
    apart = {rows: name for name, rows in file.rows.items()}
    weights = sum(
        element_count(shape)
        for group in directory.groups
        for name, shape in zip(group.names, group.shapes, strict=True)
        if name not in apart
    )
    numbers = list(accumulate(sum(sum(g.counts(tier)) for g in directory.groups) for tier in range(directory.tiers)))
    of_tiers = figures(directory.metadata, directory.tiers)
    return {
        "file": path,
        "bytes": contents.size,
        "bytes_used": used,
        "version": container.VERSION,
        "tensor_count": len(file),
        "weights": weights,
        "dense_f32_bytes": DENSE_BYTES * weights,
        "ratio": DENSE_BYTES * weights / used,
        "numbers": numbers[file.tier],
        "directory": {
            "stored": contents.header.stored,
            "inflated": contents.header.length,
            "framed": container.HEADER_BYTES + contents.header.stored + CRC_BYTES,
            "deflated": bool(contents.header.flags & container.DEFLATED),
        },
        "tier": file.tier,
        "tiers": [
            {
                "tier": tier,
                "end": end,
                "numbers": count,
                "present": tier < contents.present,
                "figures": told,
            }
            for tier, (end, count, told) in enumerate(zip(contents.ends, numbers, of_tiers, strict=True))
        ],
        "metadata": directory.metadata,
        "groups": groups,
        "tensors": [
            _tensor(file.info(name), file.tier, groups, shares) | {"rows_of": apart.get(file.aliases.get(name, name))}
            for name in file
        ],
    }


def checksum_facts(file: IO[bytes], contents: Container) -> tuple[dict[str, Any], FrzError | None]:
    """Whether the checksums of the segments that are present match.

    Returns:
        ``directory`` and ``segments``, each ``ok``, ``damaged`` or ``unchecked`` (a large file), and how many segments
        there are; then the first error, if there is one.
    """
    facts = {"directory": "ok", "segments": "ok", "segment_count": len(contents.extents)}
    if contents.size > CHECKED_BYTES:
        return facts | {"segments": "unchecked"}, None
    for extent in contents.extents:
        try:
            SegmentReader(file, extent).check()
        except FrzError as error:
            return facts | {"segments": "damaged"}, error
    return facts, None


def _groups(directory: Directory, extents: Sequence[Extent]) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = [
        {
            "group": index,
            "coding": group.coding,
            "dtype": group.dtype,
            "format": group.format or None,
            "coder": group.coder,
            "tensors": len(group.names),
            "bytes": 0,
            "bytes_per_tier": [0] * directory.tiers,
        }
        for index, group in enumerate(directory.groups)
    ]
    for extent in extents:
        facts[extent.group]["bytes_per_tier"][extent.tier] = extent.size + CRC_BYTES
        facts[extent.group]["bytes"] += extent.size + CRC_BYTES
    return facts


def _shares(directory: Directory, extents: Sequence[Extent]) -> dict[str, float]:
    """For each tensor its group's bytes, by the tensor's share of the values in each segment."""
    shares = {name: 0.0 for group in directory.groups for name in group.names}
    for extent in extents:
        group = directory.groups[extent.group]
        counts = group.counts(extent.tier)
        per_value = (extent.size + CRC_BYTES) / sum(counts)
        for name, count in zip(group.names, counts, strict=True):
            shares[name] += count * per_value
    return shares


def _tensor(info: TensorInfo, tier: int, groups: list[dict[str, Any]], shares: dict[str, float]) -> dict[str, Any]:
    alone = groups[info.group]["tensors"] == 1
    return {
        "name": info.name,
        "alias_of": info.alias_of,
        "coding": info.coding,
        "dtype": info.dtype,
        "shape": info.shape,
        "view": info.view,
        "box": info.box(tier) if info.kept and info.kept[tier] <= BOXED_VALUES else None,
        "kept": info.kept or None,
        "format": info.format or None,
        "step": info.step,
        "coder": info.coder,
        "group": info.group,
        "bytes": round(shares.get(info.name, 0.0)),
        "bytes_exact": alone or info.alias_of is not None,
    }
