"""Check that ``spec/format.md`` matches the code: the annotated file, the dictionary, the codes, the tables of ids."""

from __future__ import annotations

import os
import re
import zlib

import pytest

from frformat.dtypes import DTYPES
from frformat.errors import CODES
from frformat.format import limits
from frformat.format.bases import KINDS
from frformat.format.coders import CODERS
from frformat.format.dictionary import DICTIONARY
from tests.vectors import appendix, example, philox
from tests.vectors.appendix import FOLDER


def _section(number: int) -> str:
    return example.specification().split(f"\n## {number} ")[1].split("\n## ")[0]


def test_the_explained_file_is_the_output_of_the_script() -> None:
    text = example.specification()
    assert example.written(text) == example.section(), "run `python -m tests.vectors.example --write`"


def test_the_explained_file_is_the_vector() -> None:
    with open(os.path.join(FOLDER, "valid", "example.frz"), "rb") as file:
        data = file.read()
    block = re.search(r"```\n(.*?)```", _section(17), re.DOTALL)
    assert block
    assert block[1].splitlines() == list(example.hexdump(data))


def test_the_dictionary_is_the_one_in_use() -> None:
    assert appendix.DICTIONARY == DICTIONARY
    text = " ".join(example.specification().split())
    assert f"{len(DICTIONARY)} bytes, whose CRC-32 is 0x{zlib.crc32(DICTIONARY):08X}" in text


def test_the_dictionary_can_be_prepended_as_a_stored_block() -> None:
    said = re.search(r"starts with the bytes\s+((?:0x[0-9A-F]{2}(?:, )?)+)", example.specification())
    assert said
    head = bytes(int(part, 16) for part in said[1].split(", "))
    with open(os.path.join(FOLDER, "valid", "dir-deflate-fixed.frz"), "rb") as file:
        data = file.read()
    stored, length = (int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    out = zlib.decompressobj(-15).decompress(head + DICTIONARY + data[14 : 14 + stored])
    assert out.startswith(DICTIONARY)
    assert len(out) == len(DICTIONARY) + length


def test_the_table_of_errors_has_every_code() -> None:
    rows = re.findall(r"\| ((?:`[A-Z_]+`(?:, )?)+) \|$", _section(12), re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)]
    # `BUDGET` stands alone in its row.
    assert set(codes) == set(CODES)


@pytest.mark.parametrize(("section", "known"), [(3, tuple(DTYPES)), (9, tuple(CODERS))])
def test_the_tables_of_ids(section: int, known: tuple[str, ...]) -> None:
    found = {int(i): name for i, name in re.findall(r"\| (\d+) \| `([a-z0-9_-]+)` \|", _section(section))}
    assert tuple(found[i] for i in sorted(found)) == known


def test_the_ids_of_bases() -> None:
    found = re.search(r"0 `(\w+)`, 1 `(\w+)`, 2 `(\w+)`, 3 `(\w+)` — `UNSUPPORTED`", _section(3))
    assert found
    assert found.groups() == tuple(KINDS)
    heads = re.findall(r"^### 7\.\d `(\w+)`$", _section(7), re.MULTILINE)
    assert tuple(heads) == tuple(KINDS)


def test_the_limits() -> None:
    powers = {
        "directory": limits.DIRECTORY_BYTES,
        "elements of a tensor": limits.ELEMENTS,
        "corner on a": limits.COLUMNS,
        "values of a group": limits.GROUP_VALUES,
        "stored size of a segment": limits.SEGMENT_BYTES,
        "size of a whole file": limits.FILE_BYTES,
        "tensors, factors": limits.TENSORS,
        "bytes of all names": limits.NAMES_BYTES,
    }
    rows = re.findall(r"^\| (.*?) \| 2\^(\d+)", _section(11), re.MULTILINE)
    for start, limit in powers.items():
        [power] = [power for what, power in rows if what.startswith(start)]
        assert 1 << int(power) == limit, start
    assert f"2^{limits.VALUES_PER_BYTE.bit_length() - 1} · (s + {limits.FREE_BYTES})" in _section(11)


def test_philox_matches_the_known_answers() -> None:
    rows = re.findall(r"^\| (0|2\^64 − 1) \| (2\^)?(\d+) \| ((?:0x[0-9A-F]{8} ?){4}) \|", _section(7), re.MULTILINE)
    assert len(rows) == 6
    for seed, power, number, words in rows:
        known = [int(word, 16) for word in words.split()]
        start = 2 ** int(number) if power else int(number)
        assert [philox.word(0 if seed == "0" else 2**64 - 1, start + i) for i in range(4)] == known


def test_philox_matches_the_published_known_answers() -> None:
    """Random123's known answers for three pairs of counter and key: all zeros, all ones, and digits of π."""
    most = 2**32 - 1
    published = {
        ((0, 0, 0, 0), (0, 0)): (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        ((most,) * 4, (most,) * 2): (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)): (
            *(0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    }
    for (counter, key), words in published.items():
        assert philox.block(counter, key) == words


def test_links_within_the_specification_resolve() -> None:
    text = example.specification()
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
