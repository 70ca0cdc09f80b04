"""Compare the published UNet on ExecuTorch, as a filled template and as the exporter's own file, with PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import frformat
from bench import Missing, Row
from bench.unet import carvana, spectra
from frformat.runtimes import export
from frformat.runtimes.template import fill
from frformat.torch import load_model
from frformat.train.data import UNIT_PIXELS
from frformat.train.models import UNet

BYTES: Final = 12_000
"""The target for the total size of the template and ``model.frz``."""

SMALL: Final = (64, 96)
"""Height and width of the image for ExecuTorch's portable operators, which are slow."""

Array = NDArray[Any]


def run() -> Iterator[Row]:
    """Measure the UNet on one image, and its first normalization alone."""
    try:
        import executorch.runtime  # noqa: F401
    except ImportError as error:
        raise Missing('pip install ".[executorch]"') from error
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        yield from _unet(Path(name))


def _unet(folder: Path) -> Iterator[Row]:
    weights, template, own = (folder / name for name in ("model.frz", "model.pte.frt", "model.pte"))
    frformat.save_file(spectra(), weights)
    x = UNIT_PIXELS(carvana()[0][0][None]).contiguous()
    model = UNet().eval()
    load_model(model, weights)
    size = export(UNet(), template, example=x, weights=weights).bytes
    together = size + weights.stat().st_size
    figure = f"{size:,} + {weights.stat().st_size:,} = {together:,} bytes"
    yield Row("UNet for 959×640, template and model.frz", figure, f"≤ {BYTES:,}", together <= BYTES)
    export(model, own, example=x, with_weights=True)
    filled, whole = bytes(fill(template, weights)), own.read_bytes()
    same = "identical" if filled == whole else "different"
    yield Row("… filled, compared with the exporter's file", same, "identical", filled == whole)
    expected, ours, theirs = model(x).numpy(), _run(filled, x), _run(whole, x)
    other = float((ours.argmax(1) != expected.argmax(1)).mean())
    figure = f"{other:.4%}; logits differ by {_gap(ours, expected):.1e}, those of the exporter's file by "
    figure += f"{_gap(theirs, expected):.1e}"
    met = other <= 1e-4 and _gap(ours, expected) <= _gap(theirs, expected)
    yield Row("… pixels with a different class", figure, "≤ 0.01 %; logits no worse than the exporter's", met)
    yield _delegates(model, x[..., : SMALL[0], : SMALL[1]].contiguous(), own)
    yield _normalization(model, x, own)


def _delegates(model: nn.Module, x: Tensor, path: Path) -> Row:
    """Compare the exporter's files with PyTorch: with XNNPACK, and with only ExecuTorch's portable operators."""
    expected, gaps = model(x).numpy(), []
    for delegate in ("xnnpack", None):
        export(model, path, example=x, with_weights=True, delegate=delegate)
        gaps.append(f"{_gap(_run(path.read_bytes(), x), expected):.1e}")
    what = f"the exporter's file for {SMALL[1]}×{SMALL[0]}, difference from PyTorch, with and without XNNPACK"
    return Row(what, ", ".join(gaps), "", True)


def _normalization(model: nn.Module, x: Tensor, path: Path) -> Row:
    """Compare the first normalization alone with float64: on ExecuTorch, in PyTorch, and with running float32 sums."""
    first: list[Tensor] = []
    norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    hook = norm.register_forward_hook(lambda module, inputs, output: first.append(inputs[0]))
    model(x)
    hook.remove()
    (values,) = first
    export(nn.Sequential(norm), path, example=values, with_weights=True)
    exact = norm(values.double()).numpy()
    figures = (
        f"{_gap(_run(path.read_bytes(), values), exact):.1e} on ExecuTorch",
        f"{_gap(norm(values).numpy(), exact):.1e} in PyTorch",
        f"{_gap(_running_sums(values.numpy(), norm.eps), exact):.1e} with running float32 sums",
    )
    return Row("the UNet's first normalization alone, difference from float64", ", ".join(figures), "", True)


def _running_sums(x: Array, eps: float) -> Array:
    """Normalize one image (1, channels, height, width) as ExecuTorch does, adding up its pixels one by one."""
    pixels = x[0].reshape(x.shape[1], -1)
    count = np.float32(pixels.shape[1])
    mean, square = (np.cumsum(each, 1, np.float32)[:, -1:] / count for each in (pixels, pixels * pixels))
    out: Array = ((pixels - mean) / np.sqrt(square - mean * mean + np.float32(eps))).reshape(x.shape)
    return out


def _run(model: bytes, x: Tensor) -> Array:
    from executorch.runtime import Runtime

    program = Runtime.get().load_program(model)  # reads `model`, which must stay in memory
    found: Array = program.load_method("forward").execute([x])[0].numpy().copy()
    return found


def _gap(found: Array, expected: Array) -> float:
    return float(np.abs(found - expected).max())
