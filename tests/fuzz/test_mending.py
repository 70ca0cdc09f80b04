from __future__ import annotations

import random

import pytest

import frformat
from frformat import FrzError
from tests.attacks.edits import with_other_bytes
from tests.conformance.expected import FAULTY, VALID, bytes_of
from tests.fuzz.mending import LONGEST, apart, changed


def test_intact_files_are_taken_apart_and_reassembled():
    whole = 0
    for entry in VALID:
        data = bytes_of(entry)
        parts = apart(data)
        if parts is None:
            assert int.from_bytes(data[10:14], "little") > LONGEST, entry["name"]
            continue
        if not parts.deflated and "damaged" not in entry["name"]:
            assert parts.file() == data, entry["name"]
            whole += parts.tree is not None and parts.with_tree().file() == data
    assert whole > 300


@pytest.mark.parametrize("faulty", [False, True])
def test_changed_files_get_past_the_checksums(faulty: bool):
    chance = random.Random(1)
    codes: dict[str, int] = {}
    for entry in chance.choices([entry for entry in (FAULTY if faulty else VALID) if entry["bytes"] < 1000], k=1000):
        data = changed(bytes_of(entry), chance, lambda data: with_other_bytes(chance, data))
        try:
            with frformat.open(data) as file:
                file.verify()
            code = "read"
        except FrzError as error:
            code = error.code
        codes[code] = codes.get(code, 0) + 1
    assert codes.get("CHECKSUM", 0) < 100, codes
    assert len(codes) > 8, codes
    assert faulty or codes["read"] > 100, codes
