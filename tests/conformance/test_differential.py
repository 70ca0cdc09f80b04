"""Compare both decoders on randomly corrupted files: what one accepts, the other accepts, with the same values.

Checksums are correct, so the files reach the parsers. If a file has several faults, the error codes may differ. Whether
a file fits a small budget depends on the decoder. Everything else must agree.
"""

from __future__ import annotations

import hashlib
import json
import os
import random

import msgpack
import pytest

import frformat
from frformat import FrzError
from tests.attacks.edits import edit, with_other_bytes
from tests.attacks.seeds import Seed, read
from tests.conformance.expected import VALID
from tests.conformance.kotlin import Kotlin
from tests.vectors import msgpack as wire
from tests.vectors.msgpack import Map

COUNT = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 400
BUDGET = 1 << 22


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kotlin, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("mutants")
    chance = random.Random(2024)
    seeds = [
        read(entry["name"]) for entry in VALID if entry["bytes"] < 400 and entry["file"] == f"valid/{entry['name']}.frz"
    ]
    files = {f"{i}-{seed.name}": _mutant(chance, seed) for i, seed in enumerate(chance.choices(seeds, k=COUNT))}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    entries = [{"name": name, "file": name} | _tier(name) for name in files]
    index = folder / "index.json"
    index.write_text(json.dumps({"budget": BUDGET, "valid": entries, "faulty": []}))
    return Kotlin(str(index)), files


def test_both_parsers_accept_the_same_files(mutants: tuple[Kotlin, dict[str, bytes]]) -> None:
    kotlin, files = mutants
    accepted = 0
    for name, data in files.items():
        answer = kotlin.said[name]
        theirs = answer.get("code") or {tensor["name"]: tensor["values"] for tensor in answer["tensors"]}
        ours = _digests(data, **_tier(name))
        if "BUDGET" in (ours, theirs):
            continue
        if isinstance(ours, str) or isinstance(theirs, str):
            assert isinstance(ours, type(theirs)), (name, ours, answer)
            continue
        assert ours.items() <= theirs.items(), name
        accepted += 1
    assert accepted > COUNT // 10


def _tier(name: str) -> dict[str, int]:
    """Return arguments that open every other file at tier 0."""
    return {"tier": 0} if int(name.partition("-")[0]) % 2 else {}


def _digests(data: bytes, tier: int | None = None) -> dict[str, str] | str:
    """Return the SHA-256 of each tensor's canonical values after all have been rebuilt, or the error code."""
    out = {}
    try:
        with frformat.open(data, tier=tier, memory_budget=BUDGET) as file:
            for name in set(file) - set(file.aliases):
                file[name]
                out[name] = hashlib.sha256(file.stored(name).canonical().tobytes()).hexdigest()
    except FrzError as error:
        return error.code
    return out


def _mutant(chance: random.Random, seed: Seed) -> bytes:
    kind = chance.random()
    if kind < 0.6 and not seed.flags and not seed.name.startswith("ignored"):
        tree = msgpack.unpackb(seed.directory, object_pairs_hook=Map, strict_map_key=False)
        edit(chance, tree)
        return seed.rebuilt(directory=chance.choice([wire.pack, wire.pack_widest])(tree))
    if kind < 0.75 or not any(seed.segments):
        return seed.rebuilt(directory=with_other_bytes(chance, seed.directory))
    return seed.rebuilt(segments=tuple(with_other_bytes(chance, part) for part in seed.segments))
