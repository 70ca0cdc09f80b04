"""Encode, inspect and rebuild a network in Python and on the JVM, and compare: ``make demo``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import frformat
from bench import Missing, jar, unet_path
from demo import digits
from frformat import Spectrum

OUT = Path("build") / "demo"
QUANTIZED = "-small"
"""The suffix of the names of models whose coefficients are integers."""


@dataclass(frozen=True)
class Result:
    """One row of the final table."""

    model: str
    weights: int
    coefficients: int
    nbytes: int
    python_ms: float
    jvm_error: float


def main() -> int:
    """Demonstrate the digits network, and the published UNet if it is available; return 0 if both languages agree."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    spectra = digits.train()
    exact = _job("digits", spectra)
    small = _job(f"digits{QUANTIZED}", spectra, format="q8")
    scores = [
        digits.accuracy(dict(frformat.load_file(OUT / f"{name}.frz"))) for name in ("digits", f"digits{QUANTIZED}")
    ]
    print(f"\ndigits: test accuracy {scores[0]:.1%}, with 8-bit coefficients {scores[1]:.1%}\n")
    results = [exact, small]
    try:
        results += _unet()
    except Missing as reason:
        print(f"The published UNet is left out: {reason}\n")
    _print(results)
    print(f"\nFiles and plots: {OUT}/")
    return 0 if all(result.jvm_error <= 1e-6 for result in results) else 1


def _unet() -> list[Result]:
    checkpoint = str(unet_path())
    _frformat("encode", checkpoint, "-o", str(OUT / "unet.frz"))
    _frformat("encode", checkpoint, "-o", str(OUT / f"unet{QUANTIZED}.frz"), "--format", "step=0.1875")
    return [_compare("unet"), _compare(f"unet{QUANTIZED}")]


def _job(name: str, spectra: Mapping[str, Spectrum], format: str = "auto") -> Result:
    frformat.save_file(spectra, OUT / f"{name}.frz", format=format, metadata={"source": "make demo", "model": name})
    return _compare(name)


def _compare(name: str) -> Result:
    """Dump, plot and rebuild one file, and compare the weights from Python and from the JVM."""
    path = OUT / f"{name}.frz"
    if not name.endswith(QUANTIZED):  # the listing of a quantized file differs only in its sizes
        _frformat("dump", str(path))
    _frformat("dump", str(path), "--plot", str(OUT / f"{name}.png"), quiet=True)
    start = time.perf_counter()
    tensors = frformat.load_file(path)
    milliseconds = 1e3 * (time.perf_counter() - start)
    other = OUT / f"{name}-jvm.safetensors"
    subprocess.run(["java", "-jar", jar(), "decode", path, "-o", other], check=True)
    from safetensors.numpy import load_file

    rebuilt = load_file(other)
    error = max(_difference(tensors[key], rebuilt[key]) for key in tensors)
    with frformat.open(path) as file:
        coefficients = sum(file.spectrum(key).kept for key in file)
    other.unlink()
    return Result(name, sum(t.size for t in tensors.values()), coefficients, path.stat().st_size, milliseconds, error)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference as a share of the largest weight."""
    return float(np.abs(a - b).max() / np.abs(a).max())


def _frformat(*arguments: str, quiet: bool = False) -> None:
    if not quiet:
        print(f"\n$ frformat {' '.join(arguments)}", flush=True)
    output = subprocess.DEVNULL if quiet else None
    subprocess.run([sys.executable, "-m", "frformat", *arguments], check=True, stdout=output)


def _print(results: list[Result]) -> None:
    headings = (
        "model",
        "weights",
        "coefficients",
        ".frz bytes",
        "dense f32 ÷ .frz",
        "Python ms",
        "|JVM − Python| ÷ max",
    )
    table = Table(*headings, title="Rebuilt in Python and on the JVM")
    for column in table.columns[1:]:
        column.justify = "right"
    for r in results:
        ratio = 4 * r.weights / r.nbytes
        cells = (f"{r.weights:,}", f"{r.coefficients:,}", f"{r.nbytes:,}", f"{ratio:,.0f} ×", f"{r.python_ms:.1f}")
        table.add_row(r.model, *cells, f"{r.jvm_error:.1e}")
    Console(width=120).print(table)


if __name__ == "__main__":
    sys.exit(main())
