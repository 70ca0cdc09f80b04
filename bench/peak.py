"""Print the peak memory of loading a file, in bytes beyond its tensors: ``python -m bench.peak FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import frformat


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) << 10
    raise OSError(f"/proc/self/status has no {key}")


def main(path: str) -> None:
    """Rebuild a small tensor to load every module and library, and then measure."""
    frformat.load(frformat.save({"warm-up": frformat.Spectrum(np.ones(33, np.float32), (256, 256, 3, 3))}))
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    tensors = frformat.load_file(path)
    print(_status("VmHWM") - before - sum(array.nbytes for array in tensors.values()))


if __name__ == "__main__":
    main(sys.argv[1])
