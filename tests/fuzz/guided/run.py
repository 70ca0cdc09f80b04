"""Run one target under atheris: ``python -m tests.fuzz.guided.run TARGET [LIBFUZZER OPTION …] [FOLDER …]``."""

from __future__ import annotations

import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

SECONDS: Final = 2
"""Largest processor time for an input."""

MEGABYTES: Final = 512
"""Memory that inputs may take in addition to the process's memory before the first one."""


def main() -> None:
    """Run the target until libFuzzer ends the process or an input reveals a defect."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["frformat"]):
        from tests.fuzz.guided.targets import TARGETS, processor_seconds

        target = TARGETS[name]()
    seeds = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, data in enumerate(target.seeds):
        (seeds / f"seed-{number}").write_bytes(data)
        target.read(data)  # triggers deferred imports

    def read(data: bytes) -> None:
        began = processor_seconds()
        target.read(data)
        took = processor_seconds() - began
        if took > SECONDS:
            raise AssertionError(f"took {took:.1f} s of processor time")

    def make(data: bytes, longest: int, seed: int) -> bytes:
        def change(old: bytes) -> bytes:
            return bytes(atheris.Mutate(old, max(1, longest)))

        return target.make(bytes(data), random.Random(seed), change)[:longest]

    folders = [str(folder) for folder in (seeds,) if any(folder.iterdir())]
    flags = [option for option in options if option.startswith("-")]
    written = [option for option in options if not option.startswith("-")]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    flags.append(f"-rss_limit_mb={before + MEGABYTES}")
    atheris.Setup([sys.argv[0], *flags, *written, *folders], read, custom_mutator=make)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
