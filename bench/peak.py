"""Print the peak memory of loading a file, in bytes, without its tensors: ``python -m bench.peak FILE``."""

from __future__ import annotations

import sys

import numpy as np

import frformat
from bench.isolated import current_memory, peak_memory, reset_peak


def main(path: str) -> None:
    """Rebuild a small tensor to load every module and library, and then measure."""
    frformat.load(frformat.save({"warm-up": frformat.Spectrum(np.ones(33, np.float32), (256, 256, 3, 3))}))
    before = current_memory()
    reset_peak()
    tensors = frformat.load_file(path)
    print(peak_memory() - before - sum(array.nbytes for array in tensors.values()))


if __name__ == "__main__":
    main(sys.argv[1])
