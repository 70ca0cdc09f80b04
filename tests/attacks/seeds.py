"""Small valid files to damage, taken apart so that their checksums can be corrected afterwards."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import frformat
from frformat import FrzError
from frformat.format import container
from tests.vectors import frz
from tests.vectors.appendix import FOLDER

NAMES: Final = (
    "example",
    "several-groups",
    "dct-group-of-three",
    "tiers-with-raw",
    "tiers-adaptive",
    "tiers-static",
    "tiers-static-steps",
    "tiers-zstd",
    "corners-offsets",
    "tucker-tiers-steps",
    "seeded-steps",
    "per-tier-computed",
    "per-tier-corners-offsets",
    "dir-deflate-fixed",
    "dir-deflate-dynamic",
    "view-beside-nil",
    "zstd-compressed",
    "deflate-dynamic",
    "aliases",
    "names-combining",
)
BUDGET: Final = 1 << 22
"""Memory budget for reading a damaged file: small, so that every example is fast."""


@dataclass(frozen=True)
class Seed:
    """A small file, taken apart.

    Attributes:
        name: name of its vector.
        data: its bytes.
        directory: the directory as stored.
        length: bytes of the directory when inflated.
        flags: the header's flags.
        segments: the stored bytes of each segment.
        ends: the sizes to which the file can be cut and still be valid.
    """

    name: str
    data: bytes
    directory: bytes
    length: int
    flags: int
    segments: tuple[bytes, ...]
    ends: tuple[int, ...]

    def rebuilt(
        self, directory: bytes | None = None, segments: tuple[bytes, ...] | None = None, **header: int
    ) -> bytes:
        """Return the file with different parts and correct checksums; ``header`` overrides fields of the header."""
        directory = self.directory if directory is None else directory
        length = self.length if self.flags else len(directory)
        head = frz.head(directory, **{"flags": self.flags, "stored": len(directory), "length": length, **header})
        return head + b"".join(map(frz.segment, self.segments if segments is None else segments))


def read(name: str) -> Seed:
    """Return the seed of a valid vector."""
    with open(os.path.join(FOLDER, "valid", f"{name}.frz"), "rb") as file:
        data = file.read()
    found = container.read(BytesIO(data))
    header = found.header
    parts = tuple(data[e.offset : e.offset + e.size] for e in found.extents.present(found.present))
    return Seed(name, data, data[14 : 14 + header.stored], header.length, header.flags, parts, tuple(found.ends))


SEEDS: Final = tuple(map(read, NAMES))


def decode(data: bytes, budget: int = BUDGET) -> None:
    """Read everything in a file.

    Raises:
        FrzError: the file is not valid. No other exception is acceptable.
    """
    with frformat.open(data, memory_budget=budget) as file:
        failed: FrzError | None = None
        for name in file:
            try:
                file[name]
                file.stored(name).canonical()
            except FrzError as error:
                failed = error
        if failed:
            raise failed
        file.verify()
        tiers = file.tiers_present
    if tiers > 1:
        frformat.load(data, tier=0, memory_budget=budget)


def crc(data: bytes) -> bytes:
    """Return the CRC-32 as it is stored in a file."""
    return zlib.crc32(data).to_bytes(4, "little")
