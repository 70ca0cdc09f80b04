"""Losslessly encode and decode 300 MB of random weights, compared with safetensors and zstd at level 3."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from bench import Row
from bench.turns import paired
from frformat import checkpoints, encoding
from frformat.checkpoints import frz
from frformat.format.coders.zstd import zstd

BYTES = 300_000_000
TENSORS = 12
RUNS = 5
CHUNK = 1 << 20

PROBE = """
import sys
from pathlib import Path
from frformat.cli import main
try:
    main()
finally:
    status = Path("/proc/self/status").read_text()
    print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""
"""Runs the command line, and then prints its peak resident memory in KiB."""


def run() -> list[Row]:
    """Measure speed with many tensors, and peak memory with many tensors and with a single one."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = _weights(Path(folder) / "many.safetensors", TENSORS)
        packed, back = Path(folder) / "packed", Path(folder) / "back.safetensors"
        for what, ours, peers in (
            ("encode", lambda: _encode(source, packed), lambda: _compress(source, packed.with_suffix(".zst"))),
            (
                "decode",
                lambda: _decode(packed, back),
                lambda: _decompress(packed.with_suffix(".zst"), packed.with_suffix(".bytes")),
            ),
        ):
            mine, theirs = paired(ours, peers, RUNS)
            speed = theirs / mine
            figure = f"{speed:.2f} × the speed of safetensors + zstd -3 ({mine:.2f} s / {theirs:.2f} s)"
            rows.append(Row(f"300 MB, exact: {what}", figure, "≥ 0.5 ×", speed >= 0.5))
        assert np.array_equal(np.memmap(source, "u1", "r"), np.memmap(back, "u1", "r"))
        small = _weights(Path(folder) / "small.safetensors", 1, 4096)
        base = _peaks(small)
        one = _weights(Path(folder) / "one.safetensors", 1)
        for what, path in (("12 tensors", source), ("one tensor", one)):
            for step, peak, least in zip(("encode", "decode"), _peaks(path), base, strict=True):
                share = (peak - least) / BYTES
                figure = f"{share:.2f} × the file ({peak >> 20} MiB, {least >> 20} MiB for a small file)"
                rows.append(Row(f"300 MB, exact, in {what}: peak memory of {step}", figure, "≤ 1.1 ×", share <= 1.1))
    return rows


def _weights(path: Path, tensors: int, size: int = BYTES) -> Path:
    """Write a checkpoint of ``size`` bytes of random float32 values in ``tensors`` equal parts; return its path."""
    rng = np.random.default_rng(3)
    shape = (tensors, size // tensors // 4 // 1000, 1000) if size > 4096 else (tensors, 32, 32)
    save_file({f"layer{i}.weight": rng.standard_normal(shape[1:], np.float32) for i in range(tensors)}, path)
    return path


def _encode(source: Path, output: Path) -> None:
    with checkpoints.load(source) as checkpoint:
        encoding.encode(checkpoint, output)


def _decode(source: Path, output: Path) -> None:
    with frz.load(source, spectral=False) as checkpoint:
        checkpoints.save(checkpoint, output)


def _compress(source: Path, output: Path) -> None:
    """Read tensors with the safetensors package, and compress them into one zstd stream."""
    compressor = zstd.ZstdCompressor(level=3)
    with safe_open(source, framework="np") as tensors, output.open("wb") as out:
        for name in tensors.keys():  # noqa: SIM118 — the file is not a mapping
            out.write(compressor.compress(tensors.get_tensor(name).data.cast("B")))
        out.write(compressor.flush())


def _decompress(source: Path, output: Path) -> None:
    """Decompress a file written by :func:`_compress`, one mebibyte at a time."""
    with zstd.open(source, "rb") as stream, output.open("wb") as out:
        while chunk := stream.read(CHUNK):
            out.write(chunk)


def _peaks(source: Path) -> tuple[int, int]:
    """Return the peak resident memory in bytes of ``frformat encode`` and ``frformat decode``, including mapped pages
    of files."""
    packed, back = source.with_suffix(".frz"), source.with_suffix(".back.safetensors")
    return _peak("encode", source, packed), _peak("decode", packed, back)


def _peak(command: str, source: Path, output: Path) -> int:
    """Return the peak resident memory of a command in bytes, which its process prints at the end."""
    program = [sys.executable, "-c", PROBE, command, source, "-o", output, "--force"]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stderr
    return int(told.split()[-1]) << 10
