"""Measure a cold start of ``frformat dump``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import frformat
from bench import Row
from bench.unet import spectra

RUNS = 11


def run() -> list[Row]:
    """Measure each run in a new process, and check that it does not import torch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.frz"
        frformat.save_file(spectra(), path)
        command = [sys.executable, "-m", "frformat", "dump", str(path)]
        spent = []
        for _ in range(RUNS):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            spent.append(time.perf_counter() - start)
        traced = subprocess.run([sys.executable, "-X", "importtime", *command[1:]], check=True, capture_output=True)
    torch = any(line.split(b"|")[-1].strip() == b"torch" for line in traced.stderr.splitlines())
    seconds = statistics.median(spent)
    return [
        Row("`frformat dump` of the UNet, cold start", f"{seconds:.2f} s", "≤ 0.5 s", seconds <= 0.5),
        Row("… imports torch", "yes" if torch else "no", "no", not torch),
    ]
