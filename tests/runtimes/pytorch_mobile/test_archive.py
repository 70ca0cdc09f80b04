from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from frformat.runtimes.pytorch_mobile.archive import pack, record
from frformat.runtimes.pytorch_mobile.bytecode import Bytecode
from frformat.runtimes.seal import is_whole
from frformat.train.models import LeNet5
from tests.runtimes.pytorch_mobile.lite import exported


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Path(exported(LeNet5(), tmp_path_factory.mktemp("archive")).path).read_bytes()


def test_every_flip_and_every_cut_is_detected(data: bytes):
    assert is_whole(data)
    mark = len(data) - 18
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        in_mark = mark <= place < mark + 10
        assert is_whole(bytes(flipped)) is (None if in_mark else False), place
        assert is_whole(data[:place]) is None, place


def test_archives_contain_code_but_no_source(data: bytes):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = [name.removeprefix("m/") for name in archive.namelist()]
    assert {"bytecode.pkl", "data.pkl", "constants.pkl", "version"} <= set(names)
    assert not any(name.startswith("code/") for name in names)
    assert b"frformat" not in record(data, "data.pkl")
    assert pack(data) == data


def test_bytecode_lists_operators_and_instructions(data: bytes):
    code = Bytecode.of(data)
    assert 4 <= code.version <= 9
    assert code.operators["aten::conv2d"] == 6
    assert "aten::is_autocast_enabled" not in code.operators
    assert {"OP", "GET_ATTR", "RET"} <= code.instructions
