"""Small files with every feature that a command can encounter."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import frformat as frz
from frformat import Axis, CodedTensor, Spectrum

NASTY = "w\u202e[bold]ß名前"
"""A name that a terminal or rich could interpret as more than text."""

TENSORS = {
    "conv.weight": Spectrum(np.arange(1, 34, dtype=np.float32), (64, 32, 3, 3)),
    "conv2.weight": Spectrum(np.linspace(-1, 1, 33, dtype=np.float32), (32, 64, 3, 3)),
    "fc.weight": Spectrum(np.full(20, 0.5, np.float32), (10, 80), (10, 5, 4, 4)),
    NASTY: np.array([1.5, np.nan, -2.5], np.float32),
    "steps": np.array(7),
    "z": np.array([3 + 4j, 0]),
}
METADATA = {"license": "MIT", "n\x1b[31m": "two\nlines \u202e[bold]x[/bold]"}


def write_model(path: Path, **options: object) -> Path:
    """Return a file with spectra, a view, plain tensors, an alias, metadata and three tiers."""
    options = {"metadata": METADATA, "aliases": {"tied": "conv.weight"}, "format": "f16", "tiers": [5, 12]} | options
    frz.save_file(TENSORS, path, **options)  # type: ignore[arg-type]
    return path


def write_cores(path: Path) -> Path:
    """Return a file with stored and seeded axes, a factor with step offsets, and the first channels of a tensor."""
    factor = CodedTensor.of_array(np.diag(2.0 ** np.arange(8)).astype(np.float32)[:6], "q8", axis=0)
    axes = (Axis("stored", factor), Axis("seeded", 7), Axis())
    core = CodedTensor(np.array([[[3, 0, -1]] * 4] * 6, np.int32), (8, 9, 3), "f32", axes, step=-48)
    channels = CodedTensor(np.ones((3, 2), np.float16), (5, 2), "f32")
    tensors = {"core": core, "channels": channels, "plain": np.ones((2, 2), np.float32)}
    frz.save_file(tensors, path, compression="none")
    return path


def tier_ends(path: Path) -> tuple[int, ...]:
    """Return the offset of the end of each tier of a file."""
    with frz.open(path) as file:
        return file.container.ends


def segment_offset(path: Path) -> int:
    """Return the offset of the first byte of the first segment."""
    with frz.open(path) as file:
        return next(file.container.extents.present(1)).offset


def damaged(path: Path, offset: int) -> Path:
    """Return a copy with one bit of the byte at ``offset`` flipped."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    out = path.with_name(f"damaged-{offset}.frz")
    out.write_bytes(data)
    return out
