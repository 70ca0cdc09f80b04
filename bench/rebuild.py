"""Measure time and memory to rebuild the published UNet, compared with filling arrays of the same shapes."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import frformat
from bench import Row, jar
from bench.isolated import measured
from bench.turns import paired
from bench.unet import spectra

RUNS = 21


def run() -> list[Row]:
    """Measure time and peak memory in Python and on the JVM."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.frz"
        frformat.save_file(spectra(), path)
        return [*_python(path), *_jvm(path)]


def _python(path: Path) -> list[Row]:
    shapes = [s.shape for s in spectra().values()]
    fill, load = paired(
        lambda: [np.full(shape, 1.0, np.float32) for shape in shapes],
        lambda: frformat.load_file(path),
        RUNS,
        unmeasured=2,
    )
    peak = measured("bench.peak", path)
    return [
        Row(
            "Python: read, decode and rebuild 31 M weights",
            f"{load / fill:.2f} × filling them ({1e3 * load:.0f} ms / {1e3 * fill:.0f} ms)",
            "≤ 2.0 ×",
            load <= 2 * fill,
        ),
        Row("Python: peak memory above the output", f"{peak / 2**20:.1f} MiB", "≤ 8 MiB", peak <= 8 << 20),
    ]


def _jvm(path: Path) -> list[Row]:
    out = subprocess.run(["java", "-jar", jar(), "bench", path, "--json"], check=True, capture_output=True).stdout
    result = json.loads(out)
    fill, rebuild, heap = result["fill_ms"], result["rebuild_ms"], result["heap_bytes"]
    return [
        Row(
            "JVM: rebuild them into direct buffers",
            f"{rebuild / fill:.2f} × filling them ({rebuild:.0f} ms / {fill:.0f} ms)",
            "≤ 2.0 ×",
            rebuild <= 2 * fill,
        ),
        Row("JVM: peak heap", f"{heap / 2**20:.1f} MiB", "≤ 16 MiB", heap <= 16 << 20),
    ]
