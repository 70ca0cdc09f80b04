"""One target under atheris: ``python -m tests.fuzz.guided.run TARGET [OPTION OF LIBFUZZER …] [FOLDER …]``."""

from __future__ import annotations

import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

SECONDS: Final = 2
"""Processor time that an input may take."""

MEGABYTES: Final = 512
"""Memory that inputs may take beyond what the process had before the first one."""


def main() -> None:
    """Run it until libFuzzer ends the process, or an input is a defect."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["frformat"]):
        from tests.fuzz.guided.targets import TARGETS, processor_seconds

        target = TARGETS[name]()
    seeds = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, data in enumerate(target.seeds):
        (seeds / f"seed-{number}").write_bytes(data)
        target.read(data)  # imports what is imported late

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
