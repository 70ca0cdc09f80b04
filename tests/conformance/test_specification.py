"""What ``spec/format.md`` shows is what there is: the explained file, the dictionary, the codes, the tables of ids."""

from __future__ import annotations

import os
import re
import zlib

import pytest

from frformat.dtypes import DTYPES, FORMATS
from frformat.errors import CODES
from frformat.format.dictionary import DICTIONARY
from tests.vectors import appendix, numbers, trace
from tests.vectors.appendix import FOLDER, SPECIFICATION


def _specification() -> str:
    with open(SPECIFICATION, encoding="utf-8") as file:
        return file.read()


def _section(number: int) -> str:
    return _specification().split(f"\n## {number} ")[1].split("\n## ")[0]


def _example() -> bytes:
    with open(os.path.join(FOLDER, "valid", "example.frz"), "rb") as file:
        return file.read()


def test_the_hexdump_is_the_vector() -> None:
    block = re.search(r"```\n(.*?)```", _section(15), re.DOTALL)
    assert block
    assert block[1].splitlines() == list(trace.hexdump(_example()))


def test_every_byte_is_explained_once_and_in_order() -> None:
    data = _example()
    at = 0
    for offset, shown in re.findall(r"^\| ([0-9a-f]{4}) \| `([0-9a-f ]+)` \|", _section(15), re.MULTILINE):
        assert int(offset, 16) == at
        assert data[at : at + len(bytes.fromhex(shown))] == bytes.fromhex(shown)
        at += len(bytes.fromhex(shown))
    assert at == len(data)


def test_the_trace_is_what_the_pseudo_code_does() -> None:
    values, decoder = trace.example()
    assert values == [20, -3, 0, 1, 1]
    rows = re.findall(r"^\| \d{1,2} \|.*$", _section(15), re.MULTILINE)
    assert rows == list(trace.table(len(decoder.steps)))
    assert f"position is then {decoder.position}" in _section(15)


def test_the_dictionary_is_the_one_in_use() -> None:
    assert appendix.DICTIONARY == DICTIONARY
    assert f"{len(DICTIONARY)} bytes of ASCII, CRC-32 0x{zlib.crc32(DICTIONARY):08X}" in _specification()


def test_the_dictionary_can_be_prepended_as_a_stored_block() -> None:
    said = re.search(r"starts with the bytes\s+((?:0x[0-9A-F]{2}(?:, )?)+)", _specification())
    assert said
    head = bytes(int(part, 16) for part in said[1].split(", "))
    with open(os.path.join(FOLDER, "valid", "dir-deflate-fixed.frz"), "rb") as file:
        data = file.read()
    stored, length = (int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    out = zlib.decompressobj(-15).decompress(head + DICTIONARY + data[14 : 14 + stored])
    assert out.startswith(DICTIONARY)
    assert len(out) == len(DICTIONARY) + length


def test_the_table_of_errors_has_every_code() -> None:
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", _section(11), re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)]
    assert list(dict.fromkeys(codes)) == list(CODES)


@pytest.mark.parametrize(("section", "known"), [(3, tuple(DTYPES)), (7, tuple(FORMATS)), (8, numbers.CODERS)])
def test_the_tables_of_ids(section: int, known: tuple[str, ...]) -> None:
    found = {int(i): name for i, name in re.findall(r"\| (\d+) \| `([a-z0-9_-]+)` \|", _section(section))}
    assert tuple(found[i] for i in sorted(found)) == known


def test_links_within_the_specification_lead_somewhere() -> None:
    text = _specification()
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
