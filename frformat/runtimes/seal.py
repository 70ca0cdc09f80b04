"""The checksum at the end of a skeleton.

Runtimes do not verify the data that they read, so a flipped bit causes wrong numbers or a crash. The last 18 bytes of a
skeleton are ``frz:crc32:``, followed by the CRC-32 of all preceding bytes in eight lowercase hexadecimal digits.
"""

from __future__ import annotations

import zlib
from typing import Final

MARK: Final = b"frz:crc32:"
DIGITS: Final = 8
LENGTH: Final = len(MARK) + DIGITS


def sealed(data: bytes) -> bytes:
    """Append the checksum's digits to bytes that end with :data:`MARK`."""
    assert data.endswith(MARK)
    return data + b"%08x" % zlib.crc32(data)


def is_whole(data: bytes) -> bool | None:
    """Return whether the checksum matches; None if the file has no checksum."""
    if data[-LENGTH:-DIGITS] != MARK:
        return None
    return data[-DIGITS:] == b"%08x" % zlib.crc32(data[:-DIGITS])
