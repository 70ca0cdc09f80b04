"""Compare the size of the published UNet's file, exact and quantized, with other ways to store the same values."""

from __future__ import annotations

import io

import numpy as np

import frformat
from bench import DATA, Row
from bench.unet import mean_dice, spectra
from frformat.format.coders.zstd import zstd

STEP = "step=0.1875"


def run() -> list[Row]:
    """Measure sizes, and the Dice score before and after quantization."""
    exact = frformat.save(spectra())
    small = frformat.save(spectra(), format=STEP)
    values = np.concatenate([s.coefficients for s in spectra().values()])
    archive = io.BytesIO()
    np.savez_compressed(archive, **{name: s.coefficients.astype(np.float16) for name, s in spectra().items()})
    rows = [
        Row("UNet, lossless, `.frz`", f"{len(exact):,} bytes", "≤ 1,530", len(exact) <= 1530),
        Row("the same, authors' archive", f"{(DATA / 'unet_fr' / 'unet_fr.tar.xz').stat().st_size:,} bytes", "", True),
        Row("the same, `numpy.savez_compressed` of the f16 values", f"{len(archive.getvalue()):,} bytes", "", True),
        Row(
            "the bare f16 values, zstd level 22",
            f"{len(zstd.compress(values.astype(np.float16).tobytes(), level=22)):,} bytes",
            "",
            True,
        ),
        Row("UNet, quantized, `.frz`", f"{len(small):,} bytes", "≤ 875", len(small) <= 875),
    ]
    before, after = mean_dice(frformat.load(exact)), mean_dice(frformat.load(small))
    rows.append(Row("mean Dice, lossless", f"{before:.4f}", "0.9683", abs(before - 0.9683) < 1e-4))
    rows.append(Row("mean Dice, quantized", f"{after:.4f}", "within 0.001", abs(after - before) <= 0.001))
    return rows
