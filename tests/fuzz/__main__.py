"""Read many damaged files: ``python -m tests.fuzz --count 100000 --seed 1``; ``--keep FOLDER`` keeps defects."""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz import SCRATCH
from tests.fuzz.kinds import made, run
from tests.fuzz.registry import KINDS


def main() -> int:
    """Read the files, and print their outcomes and each kind of defect once; the exit code is 1 if there is a
    defect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="total number of files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="read only files of these kinds")
    parser.add_argument("--keep", type=Path, help="folder for the first file of each kind of defect")
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)
    counts = {kind: options.count // len(kinds) + (i < options.count % len(kinds)) for i, kind in enumerate(kinds)}
    seen: Counter[str] = Counter()

    def found(kind: str, number: int, error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{kind}: {type(error).__name__} in {where.name}: {str(error)[:100]}"
        seen[name] += 1
        if seen[name] == 1:
            print(f"number {number}: {name}", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                data = made(KINDS[kind], kind, options.seed, number)
                (options.keep / f"{kind.replace(' ', '-')}-{number}").write_bytes(data)

    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        outcomes = run(KINDS, Path(folder), counts, options.seed, found)
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:>8,}  {outcome}")
    return int(bool(seen))


if __name__ == "__main__":
    sys.exit(main())
