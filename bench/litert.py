"""Compare the published UNet on LiteRT, rebuilt and factored, as filled templates, with PyTorch and with each other."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import frformat
from bench import Missing, Row
from bench.turns import fastest
from bench.unet import carvana, spectra, speedup
from frformat.runtimes import export
from frformat.runtimes.template import fill
from frformat.torch import load_model
from frformat.train.data import UNIT_PIXELS
from frformat.train.models import UNet

THREADS: Final = 1
"""Number of threads. With one, processor time measures the actual work, and other programs hardly affect it."""

ROUNDS: Final = 3

Array = NDArray[Any]


def run() -> Iterator[Row]:
    """Measure the UNet on one image."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
        import litert_torch  # noqa: F401
    except ImportError as error:
        raise Missing('pip install ".[litert]"') from error
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        yield from _unet(Path(name))


def _unet(folder: Path) -> Iterator[Row]:
    weights = folder / "model.frz"
    frformat.save_file(spectra(), weights)
    x = UNIT_PIXELS(carvana()[0][0][None]).contiguous()
    model = UNet().eval()
    load_model(model, weights)
    expected, runs = model(x).numpy(), {}
    for factored in (False, True):
        what = "factored" if factored else "rebuilt"
        template, own = folder / f"{what}.tflite.frt", folder / f"{what}.tflite"
        with torch.inference_mode(False):
            size = export(UNet(), template, factored=factored, example=x.clone(), weights=weights).bytes
            export(model, own, factored=factored, example=x.clone(), weights=weights, with_weights=True)
        figure = f"{size:,} + {weights.stat().st_size:,} bytes"
        together = size + weights.stat().st_size
        yield Row(
            f"UNet {what}, template and model.frz",
            figure,
            "" if factored else "≤ 16,000",
            factored or together <= 16_000,
        )
        filled = bytes(fill(template, weights))
        same = "identical" if filled == own.read_bytes() else "different"
        yield Row(
            f"… filled ({len(filled):,} bytes), compared with the exporter's file",
            same,
            "identical",
            same == "identical",
        )
        runs[what] = _loaded(filled)
        found = runs[what](x)
        gap, other = float(np.abs(found - expected).max()), float((found.argmax(1) != expected.argmax(1)).mean())
        figure = f"{gap:.1e}; {other:.4%} of pixels of a different class"
        yield Row("… largest difference of a logit", figure, "≤ 2e-3; ≤ 0.01 %", gap <= 2e-3 and other <= 1e-4)
    yield _speed(runs, x)


def _speed(runs: dict[str, Callable[[Tensor], Array]], x: Tensor) -> Row:
    seconds, _ = fastest({name: functools.partial(call, x) for name, call in runs.items()}, ROUNDS)
    return speedup(" on LiteRT", seconds["rebuilt"], seconds["factored"])


def _loaded(model: bytes) -> Callable[[Tensor], Array]:
    from ai_edge_litert.interpreter import Interpreter

    session = Interpreter(model_content=model, num_threads=THREADS)
    session.allocate_tensors()
    first, last = session.get_input_details()[0]["index"], session.get_output_details()[0]["index"]

    def call(x: Tensor) -> Array:
        session.set_tensor(first, x.numpy())
        session.invoke()
        found: Array = session.get_tensor(last)
        return found

    return call
