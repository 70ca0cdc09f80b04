"""Compare both decoders on one input after another: they must return the same error code, or the same bits."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import frformat
from frformat import FrzError
from tests.attacks.seeds import BUDGET
from tests.conformance.kotlin import JAR

TIERS: Final = (None, 0)
"""The tiers at which each input is opened; None is the highest."""

TOGETHER: Final = (
    frozenset(("DIRECTORY", "LIMIT", "FEATURE", "UNSUPPORTED", "NAME", "SHAPE", "VALUE")),
    frozenset(("CHECKSUM", "STREAM", "VALUE")),
)
"""Codes of faults in fields, and in segments. Of several such faults, a reader may report any (specification, section
12)."""

Said = dict[str, str] | str
"""SHA-256 of the canonical values by tensor, or an error code."""


class UnavailableError(Exception):
    """Raised if Java is missing or the Kotlin decoder has not been built."""


class Differential:
    """Compares the Python decoder with a Kotlin decoder that runs until this object is closed.

    Raises:
        UnavailableError: there is no Kotlin decoder.
    """

    def __init__(self) -> None:
        if not shutil.which("java") or not Path(JAR).exists():
            raise UnavailableError(f"needs Java and {JAR}")
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._file = Path(self._folder.name) / "input.frz"
        index = Path(self._folder.name) / "index.json"
        entries = [
            {"name": str(tier), "file": self._file.name} | ({} if tier is None else {"tier": tier}) for tier in TIERS
        ]
        index.write_text(json.dumps({"budget": BUDGET, "valid": entries, "faulty": []}))
        self._ask = f"{index}\n"
        self._java = java = subprocess.Popen(
            ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", JAR, "parity", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        assert java.stdin
        assert java.stdout
        self._asking, self._answers = java.stdin, java.stdout

    def close(self) -> None:
        """End the Kotlin decoder."""
        self._asking.close()
        self._java.wait()
        self._answers.close()
        self._folder.cleanup()

    def check(self, data: bytes) -> None:
        """Compare the decoders.

        Raises:
            AssertionError: they disagree.
        """
        self._file.write_bytes(data)
        self._asking.write(self._ask)
        self._asking.flush()
        for tier in TIERS:
            line = self._answers.readline()
            assert line, "the Kotlin decoder ended"
            theirs, ours = _theirs(json.loads(line)), _ours(data, tier)
            if not agree(ours, theirs):
                raise AssertionError(f"at tier {tier} Python says {ours} and Kotlin {theirs}")


def agree(ours: Said, theirs: Said) -> bool:
    """Return whether two answers agree. ``BUDGET`` agrees with every answer, because decoders need different memory.

    Any other two error codes agree if they are equal, or if both can describe the same file. No other error agrees with
    a result. Two results agree if Kotlin found every tensor that Python found, with the same values.
    """
    if "BUDGET" in (ours, theirs):
        return True
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours == theirs or any(ours in codes and theirs in codes for codes in TOGETHER)
    if isinstance(ours, str) or isinstance(theirs, str):
        return False
    return ours.items() <= theirs.items()


def _theirs(answer: dict[str, Any]) -> Said:
    return answer.get("code") or {tensor["name"]: tensor["values"] for tensor in answer["tensors"]}


def _ours(data: bytes, tier: int | None) -> Said:
    out = {}
    try:
        with frformat.open(data, tier=tier, memory_budget=BUDGET) as file:
            for name in file:
                if name not in file.aliases:
                    stored = file.stored(name).canonical()
                    file[name]
                    out[name] = hashlib.sha256(stored.tobytes()).hexdigest()
            for number in range(file.factors):  # including those that no tensor uses
                file.factor(number).canonical()
    except FrzError as error:
        return error.code
    return out
