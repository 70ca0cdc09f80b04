from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from frformat.runtimes import ExportError
from frformat.runtimes.pytorch_mobile.bytecode import Bytecode
from frformat.runtimes.pytorch_mobile.operators import RUNTIMES, Runtime, derive

SCHEMAS = (
    b"conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1) -> Tensor",
    b"aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    b"aten::add.str(str a, str b) ->str",
    b"aten::gelu(Tensor self) -> Tensor",
    b"aten::gelu(Tensor self, *, str approximate='none') -> Tensor",
    b"aten::format(str self, ...) -> str",
    b"aten::keys.str(Dict(str, t) self) -> str[](*)",
    b"aten::size(Tensor self) -> int[]",
    b"sizes.concrete()->size() == 3 INTERNAL ASSERT FAILED at x",
    b"_record_function_enter(str name) -> Tensor",
    b"not a schema",
)


def test_operators_are_read_from_schemas():
    assert derive.operators(b"\0".join(SCHEMAS)) == {
        "aten::conv2d": (2, 4),
        "aten::add.Tensor": (2, 3),
        "aten::add.str": (2, 2),
        "aten::gelu": (1, 2),
        "aten::format": (1, derive.MANY),
        "aten::keys.str": (1, 1),
        "aten::size": (1, 1),
    }


def test_a_table_is_made_from_a_package(tmp_path: Path):
    package = tmp_path / "runtime.aar"
    header = "kMinSupportedBytecodeVersion = 0x4L;\nconstexpr uint64_t kMaxSupportedBytecodeVersion = 0x9L;"
    with zipfile.ZipFile(package, "w") as out:
        out.writestr(derive.HEADER, header)
        out.writestr(derive.LIBRARY, b"\0".join([b"x", *SCHEMAS, b"OP", b"OPN", b"LOAD", b"__NOT__", b"EXIT", b"O"]))
    comment, bytecode, instructions, *operators = derive.table(str(package))
    assert comment.startswith("# ")
    assert (bytecode, instructions) == ("bytecode 4 9", "instructions OP OPN LOAD __NOT__ EXIT")
    assert operators[:2] == ["aten::add Tensor/2-3 str/2", "aten::conv2d /2-4"]


@pytest.mark.parametrize("name", RUNTIMES)
def test_tables(name: str):
    runtime = Runtime.of(name)
    assert runtime.name.startswith(name)
    assert len(runtime.operators) > 3000
    assert {"OP", "OPN", "RAISE_EXCEPTION", "EXIT"} <= runtime.instructions
    assert runtime.operators["aten::set_.source_Tensor"] == (2, 2)
    assert runtime.operators["aten::conv2d"] == (2, 7)


def test_obstacles():
    runtime = Runtime("1", (4, 9), frozenset({"OP"}), {"aten::a": (1, 2), "aten::b.c": (3, 3)})
    code = Bytecode(8, {"aten::a": 2, "aten::b.c": None}, frozenset({"OP"}))
    assert list(runtime.obstacles(code)) == []
    code = Bytecode(8, {"aten::a": 3, "aten::b.c": 2, "aten::d": 1}, frozenset({"OP", "NEW"}))
    assert list(runtime.obstacles(code)) == [
        ("aten::a", "takes 1 to 2 arguments there, not 3"),
        ("aten::b.c", "takes 3 arguments there, not 2"),
        ("aten::d", "does not exist there"),
        ("NEW", "is not an instruction there"),
    ]


def test_unknown_runtimes():
    with pytest.raises(ExportError, match="there is no table"):
        Runtime.of("0.1")
