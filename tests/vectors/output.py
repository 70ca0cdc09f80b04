"""All generated files of ``spec/vectors``: the vectors and ``vectors.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from tests.vectors import faulty, realistic, valid
from tests.vectors.entries import Entry, Vector, base_path

INDEX: Final = "vectors.json"
BUDGET: Final = 1 << 30
"""Memory budget for reading vectors, in bytes."""


def contents() -> dict[str, bytes]:
    """Return bytes by path within ``spec/vectors``."""
    good, bad = list(valid.vectors()), list(faulty.vectors())
    files: dict[str, bytes] = {}
    for vector in good + bad:
        name = f"{vector.folder}/{vector.file}.frz"
        if files.setdefault(name, vector.data) != vector.data:
            raise ValueError(f"two vectors give {name} different bytes")
    for vector in good + bad:
        if vector.base is not None:
            files[base_path(vector.base)] = vector.base
    names = [vector.name for vector in good + bad]
    if len(set(names)) != len(names):
        raise ValueError("two vectors have the same name")
    files[INDEX] = index(good, bad)
    return files


def index(good: Sequence[Vector], bad: Sequence[Vector]) -> bytes:
    """Return ``vectors.json``, with one vector per line."""
    parts = [
        f'{{\n"version": 1,\n"budget": {BUDGET},\n"valid": [\n',
        _lines(good),
        '\n],\n"generated": [\n',
        _line(realistic.entry()),
        '\n],\n"faulty": [\n',
        _lines(bad),
        "\n]\n}\n",
    ]
    return "".join(parts).encode("ascii")


def _lines(vectors: Sequence[Vector]) -> str:
    return ",\n".join(_line(vector.as_json()) for vector in vectors)


def _line(entry: Entry) -> str:
    return json.dumps(entry, allow_nan=False)
