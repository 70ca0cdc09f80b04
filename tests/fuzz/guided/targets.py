"""The Python fuzzing targets: how an input is read, how it is mutated, and the initial inputs."""

from __future__ import annotations

import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from frformat import FrzError
from tests.attacks.seeds import BUDGET, decode
from tests.fuzz.guided.differential import Differential
from tests.fuzz.mending import Change, changed
from tests.vectors.appendix import FOLDER

if TYPE_CHECKING:
    from tests.fuzz.kinds import Mutate

CORPUS: Final = Path(__file__).parent / "corpus"
"""Inputs found by fuzzing. All targets that read ``.frz`` files share one folder."""

VECTORS: Final = (Path(FOLDER) / "valid", Path(FOLDER) / "faulty")
"""Initial inputs of the targets that read ``.frz`` files."""


class Target(NamedTuple):
    """A fuzzing target.

    Attributes:
        read: reads an input; any exception is a defect.
        make: derives a new input from an input, a random generator, and the fuzzer's own mutation of bytes.
        seeds: initial inputs, in addition to the files in the corpus and vector folders.
    """

    read: Callable[[bytes], object]
    make: Callable[[bytes, random.Random, Change], bytes]
    seeds: Iterable[bytes]


def _frz() -> Target:
    return Target(read_frz, changed, ())


def _differential() -> Target:
    return Target(Differential().check, changed, ())


def _checkpoint(family: str) -> Target:
    from tests.fuzz.checkpoints import checkpoint_kinds  # imports PyTorch, which other targets do not need
    from tests.fuzz.kinds import outcome

    kinds = [kind for name, kind in checkpoint_kinds().items() if name.split()[0] == family]
    path = Path(tempfile.mkdtemp(prefix="fuzz-")) / "damaged"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        outcome(kinds[0], path)

    make = partial(_damaged, [kind.mutate for kind in kinds])
    return Target(read, make, {kind.whole for kind in kinds})


TARGETS: Final[dict[str, Callable[[], Target]]] = {
    "frz": _frz,
    "differential": _differential,
    "safetensors": partial(_checkpoint, "safetensors"),
    "npz": partial(_checkpoint, "npz"),
    "pt": partial(_checkpoint, "pt"),
}
"""Functions that create a target, in the process that runs it."""

PYTHON: Final = tuple(TARGETS)


def read_frz(data: bytes) -> None:
    """Read everything in a file. Only one-line ``FrzError`` exceptions are suppressed; warnings are raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            decode(data, BUDGET)
    except FrzError as error:
        if "\n" in str(error) or len(str(error)) > 1000:
            raise AssertionError(f"the error is not one line: {error!r}") from error


def _damaged(mutations: list[Mutate], data: bytes, chance: random.Random, change: Change) -> bytes:
    """Damage an input with the fuzzer or, if it still has the right format, with a mutation made for the format."""
    if chance.random() < 0.3:
        return change(data)
    try:
        return chance.choice(mutations)(data, chance)
    except Exception:
        return change(data)


def processor_seconds() -> float:
    """Return the processor time of this process and its threads, which other processes do not affect."""
    times = os.times()
    return times.user + times.system
