"""The checksum at the end of a skeleton.

Runtimes do not check what they read, so a flipped bit becomes a wrong number or a crash. The last 18 bytes of a
skeleton are ``frz:crc32:`` and the CRC-32 of all bytes before its digits, in eight lower-case hexadecimal digits.
"""

from __future__ import annotations

import zlib
from typing import Final

MARK: Final = b"frz:crc32:"
DIGITS: Final = 8
LENGTH: Final = len(MARK) + DIGITS


def sealed(data: bytes) -> bytes:
    """Append the digits of a checksum to bytes that end with :data:`MARK`."""
    assert data.endswith(MARK)
    return data + b"%08x" % zlib.crc32(data)


def is_whole(data: bytes) -> bool | None:
    """Return whether the checksum matches; None if the file has none."""
    if data[-LENGTH:-DIGITS] != MARK:
        return None
    return data[-DIGITS:] == b"%08x" % zlib.crc32(data[:-DIGITS])
