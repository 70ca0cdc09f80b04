"""``python -m bench [NAME …]``: run the named measurements, or all of them, and print a Markdown table for each."""

from __future__ import annotations

import importlib
import sys

from bench import Missing

NAMES = (
    "size",
    "coder",
    "rebuild",
    "tensors",
    "startup",
    "raw",
    "lossless",
    "damage",
    "training",
    "scheduling",
    "factored",
    "decomposed",
    "runtimes",
    "executorch",
    "litert",
    "zoo",
    "delta",
)


def main(names: list[str]) -> int:
    """Print each table as soon as it has been measured; return 1 if a target is missed."""
    missed = 0
    for name in names or NAMES:
        print(f"\n### {name}\n\n| what | measured | aim |\n|---|---|---|", flush=True)
        try:
            for row in importlib.import_module(f"bench.{name}").run():
                print(f"| {row.what} | {row.figure} | {row.aim}{'' if row.met else ' **missed**'} |", flush=True)
                missed += not row.met
        except Missing as reason:
            print(f"| skipped: {reason} | | |")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
