"""Measure time and memory for files with a million one-element tensors, compared with files with 100,000.

``python -m bench.tensors STEP COUNT FILE`` runs one step and prints its processor time and its peak memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path

import numpy as np

import frformat
from bench import Row
from bench.isolated import measured
from frformat.cli import main as command_line

MANY = 1_000_000
FEWER = MANY // 10
RATIO = 12
"""Maximum factor by which a measured time may grow with ten times as many tensors."""

MEMORY = 10**9


def run() -> list[Row]:
    """Measure saving, opening, loading and listing."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            spent = {count: _measured(step, count, Path(folder) / f"{count}.frz") for count in (FEWER, MANY)}
            (little, _), (much, peak) = spent[FEWER], spent[MANY]
            ratio = much / little
            figure = (
                f"{ratio:.1f} × the time of {FEWER:,} ({much:.1f} s / {little:.2f} s), {peak / 1e6:.0f} MB peak memory"
            )
            met = ratio <= RATIO and peak <= MEMORY
            rows.append(Row(f"{MANY:,} tensors of one element: {step}", figure, f"≤ {RATIO} ×, ≤ 1 GB", met))
    return rows


def _measured(step: str, count: int, path: Path) -> tuple[float, int]:
    """Return the processor time in seconds and the peak memory in bytes of a step that runs in a separate process."""
    seconds, peak = measured("bench.tensors", step, count, path)
    return seconds, peak


def _save(count: int, path: Path) -> None:
    values = np.random.default_rng(0).standard_normal(count, np.float32)
    frformat.save_file({f"layer{i}.weight": values[i : i + 1] for i in range(count)}, path)


def _open(count: int, path: Path) -> None:
    with frformat.open(path) as file:
        assert len(file) == count


def _load(count: int, path: Path) -> None:
    assert len(frformat.load_file(path)) == count


def _dump(count: int, path: Path) -> None:
    sys.argv = ["frformat", "dump", str(path)]
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), suppress(SystemExit):
        command_line()


STEPS: dict[str, Callable[[int, Path], None]] = {"save": _save, "open": _open, "load": _load, "dump": _dump}


def main(step: str, count: str, path: str) -> None:
    """Run a step, and print its processor time and peak memory."""
    before = time.process_time()
    STEPS[step](int(count), Path(path))
    spent = time.process_time() - before
    print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10]))


if __name__ == "__main__":
    main(*sys.argv[1:])
