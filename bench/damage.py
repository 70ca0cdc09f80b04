"""Test every single-bit flip and every truncation of the lossless UNet file in both decoders."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import frformat
from bench import Row, jar
from bench.unet import spectra


def run() -> list[Row]:
    """Count the damaged files that are rejected with a typed error."""
    data = frformat.save(spectra())
    count = 9 * len(data)
    refused = sum(_refuses(damaged) for damaged in _damaged(data))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.frz"
        path.write_bytes(data)
        out = subprocess.run(["java", "-jar", jar(), "attack", path], check=True, capture_output=True, text=True).stdout
    jvm, files = (int(number) for number in re.findall(r"(\d+) of (\d+) damaged files refused", out)[0])
    return [
        Row("Python: damaged files refused", f"{refused:,} of {count:,}", "all", refused == count),
        Row("JVM: damaged files refused", f"{jvm:,} of {files:,}", "all", jvm == files == count),
    ]


def _damaged(data: bytes) -> Iterator[bytes]:
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)
    for size in range(len(data)):
        yield data[:size]


def _refuses(data: bytes) -> bool:
    try:
        frformat.load(data)
    except frformat.FrzError:
        return True
    return False
