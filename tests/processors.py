"""Run the numeric tests with the code paths of other processors: ``python -m tests.processors``.

The libraries select their code paths by the instructions that the processor supports. Environment variables can
restrict these. Each variant runs in a separate process; arguments are passed to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Final

VARIANTS: Final = {
    "no vector instructions": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Prescott",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "AMD": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "COMPATIBLE",  # a summation order that is the same on all processors
        "OPENBLAS_CORETYPE": "Zen",
    },
    "AVX-512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "OPENBLAS_CORETYPE": "SkylakeX",
    },
}
"""Environments that make PyTorch's kernels, oneDNN, MKL and NumPy's OpenBLAS use other code paths."""

COMPUTED: Final = ("tests/spectral", "tests/encoding", "tests/torch", "tests/runtimes", "tests/train")


def main(arguments: list[str]) -> int:
    """Run all variants; the exit code is that of the first that fails."""
    failed = {}
    for name, environment in VARIANTS.items():
        print(f"as on a processor {'by' if name == 'AMD' else 'with'} {name}", flush=True)
        command = [sys.executable, "-m", "pytest", *(arguments or COMPUTED)]
        with tempfile.TemporaryDirectory() as compiled:  # torch.compile's cache is specific to a processor
            given = os.environ | environment | {"TORCHINDUCTOR_CACHE_DIR": compiled}
            code = subprocess.run(command, env=given, check=False).returncode
        if code:
            failed[name] = code
    print("failed: " + ", ".join(failed) if failed else "all passed")
    return next(iter(failed.values()), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
