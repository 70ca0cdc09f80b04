"""Damage intact files with a seeded random generator."""

from __future__ import annotations

import io
import random
import warnings
import zipfile
from collections.abc import Callable
from typing import Final

EXTREMES: Final = (
    0,
    1,
    2,
    4,
    8,
    127,
    128,
    255,
    256,
    2**15,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**62,
    2**63,
    2**64 - 1,
)
"""Numbers that overwrite other numbers."""

TEXTS: Final = (
    b"2**63",
    b"-1",
    b"9" * 5000,
    b"null",
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"1e999",
    b"NaN",
    b"(0,)",
    b"|O",
    b"<V8",
)
"""Strings that overwrite other strings in headers."""


def damaged(whole: bytes, random: random.Random) -> bytes:
    """Inject one to four faults at random places."""
    data = bytearray(whole)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if data:
            random.choice(FAULTS)(data, random)
    return bytes(data)


def damaged_member(whole: bytes, random: random.Random) -> bytes:
    """Return an intact zip archive with one member that was damaged before it was added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(out, "w") as made:
        members = archive.infolist()
        # Small members are headers and pickles, where damage has the most effect.
        chosen = random.choices(members, [1 / (1 + member.file_size) for member in members])[0]
        for member in members:
            content = archive.read(member)
            name = member.filename
            if member is chosen:
                if random.random() < 0.05:
                    name = random.choice(("", "/", "../up", name + "x", members[0].filename))
                content = damaged(content, random)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a name can occur twice
                made.writestr(zipfile.ZipInfo(name), content, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return out.getvalue()


def _flip(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data))
    data[at] ^= 1 << random.randrange(8)


def _byte(data: bytearray, random: random.Random) -> None:
    data[random.randrange(len(data))] = random.randrange(256)


def _number(data: bytearray, random: random.Random) -> None:
    size = random.choice((1, 2, 4, 8))
    number = random.choice(EXTREMES) % (1 << 8 * size)
    at = random.randrange(len(data))
    data[at : at + size] = number.to_bytes(size, random.choice(("little", "big")))


def _text(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data))
    data[at : at + random.choice((0, 1, 4))] = random.choice(TEXTS)


def _cut(data: bytearray, random: random.Random) -> None:
    del data[random.randrange(len(data)) :]


def _remove(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.choice((1, 2, 8, 64))]


def _double(data: bytearray, random: random.Random) -> None:
    at, size = random.randrange(len(data)), random.choice((1, 2, 8, 64))
    data[at:at] = data[at : at + size]


def _move(data: bytearray, random: random.Random) -> None:
    source, to, size = random.randrange(len(data)), random.randrange(len(data)), random.choice((1, 4, 16))
    data[to : to + size] = data[source : source + size]


FAULTS: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    _flip, _flip, _byte, _number, _text, _cut, _remove, _double, _move,
)  # fmt: skip
