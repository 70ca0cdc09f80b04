"""Check the checksums of PyTorch files, which PyTorch writes but does not read."""

from __future__ import annotations

import os
import zipfile
from typing import IO, Final

PIECE: Final = 1 << 20
"""Number of bytes to read at a time."""


def check_sums(source: str | IO[bytes]) -> None:
    """Check that the records of a PyTorch file (a zip archive) have the content with which they were written.

    Records with the checksum 0 are skipped: ``torch.serialization.set_crc32_options(False)`` leaves it out.

    Raises:
        ValueError: a record is damaged.
        OSError: the file cannot be read.
        Exception: whatever :mod:`zipfile` raises for a damaged archive.
    """
    with zipfile.ZipFile(source) as archive:
        assert archive.fp is not None
        members = archive.infolist()
        if sum(member.compress_size for member in members) > archive.fp.seek(0, os.SEEK_END):
            raise ValueError("records of the archive overlap")
        for member in members:
            if member.CRC:
                with archive.open(member) as record:
                    try:
                        while record.read(PIECE):
                            pass
                    except zipfile.BadZipFile as error:
                        raise ValueError(f"the checksum of record {member.filename!r} does not match") from error
