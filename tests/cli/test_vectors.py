"""For every conformance vector, commands print clean output or a typed error."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from frformat.cli.dump import layout, walk
from tests.cli.command import Outcome, frformat

VECTORS = Path(__file__).parents[2] / "spec" / "vectors"
INDEX = json.loads((VECTORS / "vectors.json").read_text())
REQUESTS = ("TIER", "NOT_FOUND", "BUDGET")
"""Codes that concern the request; the file itself can be intact."""

LARGE = 1 << 20
"""Directories of at least this size are not explained twice, to save time."""

SLOW = "limit-of-seeded"
"""A file that takes more than ten seconds to rebuild, as ``diff`` does twice; tests/conformance rebuilds it once."""


def printed(*args: str | Path) -> Outcome:
    """Return the outcome of a command, after checking that all of its text is safe for a terminal."""
    outcome = frformat(*args)
    assert all(char.isprintable() or char == "\n" for char in outcome.out + outcome.err), args
    assert outcome.err.count("\n") == (outcome.code == 2 and "--json" not in args), (args, outcome.err)
    return outcome


def names(folder: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in INDEX[folder]]


def tiles(path: Path, base: Path | None = None) -> layout.Layout:
    data = path.read_bytes()
    found = layout.explain(io.BytesIO(data), str(path), base=base)
    edges = [(part.start, part.end) for part in found.ranges]
    assert [start for start, _ in edges] == [0, *(end for _, end in edges)][: len(edges)]
    assert not data or edges[-1][1] == len(data)
    assert sum(field.size for field in walk.walk(found.directory)) == len(found.directory)
    return found


@pytest.mark.parametrize("vector", names("valid"))
def test_a_valid_file(vector: dict[str, Any]):
    path = VECTORS / vector["file"]
    base = ["--base", VECTORS / vector["base"]] if "base" in vector else []
    whole = "damaged" not in vector["name"]  # some files are damaged beyond the tier that is opened
    assert (printed("dump", path).code == 0) is whole
    found = printed("dump", path, "--json")
    assert (found.code == 0) is whole
    assert found.json["bytes"] == vector["bytes"]
    assert [t["name"] for t in found.json["tensors"] if t["alias_of"] is None] == [t["name"] for t in vector["tensors"]]
    assert (tiles(path).error is None) is whole
    assert (printed("dump", path, "--bytes", *base).code == 0) is whole
    assert (printed("verify", path, *base).code == 0) is whole
    if vector["name"] != SLOW:
        assert printed("diff", path, path, "--json").code in (0, 2)
    for tensor in vector["tensors"][:2]:
        assert printed("dump", path, tensor["name"], *base).code in (0, 2)


@pytest.mark.parametrize("vector", names("faulty"))
def test_a_faulty_file(vector: dict[str, Any]):
    path = VECTORS / vector["file"]
    code = vector["code"]
    base = ["--base", VECTORS / vector["base"]] if "base" in vector else []
    listed = printed("dump", path, "--json", *base)
    found = tiles(path, *map(Path, base[1:]))
    if code in REQUESTS or (code == "BASE" and not base):
        return
    assert found.error is not None
    assert found.error.code == code
    if vector["at"] == "open":
        assert (listed.code, listed.json["error"]["code"]) == (2, code)
    else:
        assert printed("verify", path, "--json", *base).json[0]["error"]["code"] == code
    if len(found.directory) < LARGE:
        assert printed("dump", path, "--bytes", *base).code == 2
