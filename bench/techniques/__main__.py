"""Run the comparison; see :mod:`bench.techniques`."""

from __future__ import annotations

import argparse
import sys

from bench import Missing
from bench.techniques import TASKS, compare
from bench.techniques.registry import TECHNIQUES
from bench.techniques.report import write


def main() -> None:
    """Measure what is missing, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.techniques")
    parser.add_argument("networks", nargs="*", choices=[[], *TASKS], help="all except digits by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=(), choices=list(TECHNIQUES), metavar="TECHNIQUE")
    parser.add_argument("--report", action="store_true", help="only write the report")
    given = parser.parse_args()
    try:
        for name in () if given.report else given.networks or ("lenet5", "resnet20", "unet"):
            for _ in compare(TASKS[name], given.only, given.seed):
                pass
    except Missing as reason:
        sys.exit(str(reason))
    write()


if __name__ == "__main__":
    main()
