"""Compare the published UNet on ExecuTorch, rebuilt and factored, as filled templates, with PyTorch and each other."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import frformat
from bench import Missing, Row
from bench.turns import fastest
from bench.unet import carvana, spectra, speedup
from frformat.runtimes import export
from frformat.runtimes.template import fill
from frformat.torch import load_model
from frformat.train.data import UNIT_PIXELS
from frformat.train.models import UNet

BYTES: Final = 12_000
"""The target for the total size of the template with rebuilt weights and ``model.frz``."""

FACTORED_BYTES: Final = 40_000
"""The target for the total size of the factored template and ``model.frz``."""

THREADS: Final = 1
"""Number of threads. With one, processor time measures the actual work, and other programs hardly affect it."""

ROUNDS: Final = 5

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
    weights, own = folder / "model.frz", folder / "model.pte"
    frformat.save_file(spectra(), weights)
    x = UNIT_PIXELS(carvana()[0][0][None]).contiguous()
    model = UNet().eval()
    load_model(model, weights)
    expected, runs = model(x).numpy(), {}
    for factored in (False, True):
        what, most = ("factored", FACTORED_BYTES) if factored else ("rebuilt", BYTES)
        template = folder / f"{what}.pte.frt"
        with torch.inference_mode(False):
            size = export(UNet(), template, factored=factored, example=x.clone(), weights=weights).bytes
            export(model, own, factored=factored, example=x.clone(), weights=weights, with_weights=True)
        together = size + weights.stat().st_size
        figure = f"{size:,} + {weights.stat().st_size:,} = {together:,} bytes"
        yield Row(f"UNet for 959×640, {what}, template and model.frz", figure, f"≤ {most:,}", together <= most)
        filled, whole = bytes(fill(template, weights)), own.read_bytes()
        same = "identical" if filled == whole else "different"
        figure = f"… filled ({len(filled):,} bytes), compared with the exporter's file"
        yield Row(figure, same, "identical", filled == whole)
        runs[what] = _loaded(filled)
        ours = runs[what](x)
        other = float((ours.argmax(1) != expected.argmax(1)).mean())
        figure = f"{_gap(ours, expected):.1e}; {other:.4%} of pixels of a different class"
        if factored:
            target, met = "≤ 2e-3; ≤ 0.01 %", _gap(ours, expected) <= 2e-3
        else:
            theirs = _gap(_run(whole, x), expected)
            figure += f"; {theirs:.1e} for the exporter's file"
            target, met = "no worse than the exporter's; ≤ 0.01 %", _gap(ours, expected) <= theirs
        yield Row("… largest difference of a logit", figure, target, met and other <= 1e-4)
    yield _speed(runs, x)
    runs.clear()
    yield _delegates(model, x[..., : SMALL[0], : SMALL[1]].contiguous(), own)
    yield _normalization(model, x, own)


def _speed(runs: dict[str, Callable[[Tensor], Array]], x: Tensor) -> Row:
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool

    _unsafe_reset_threadpool(THREADS)
    seconds, _ = fastest({name: functools.partial(call, x) for name, call in runs.items()}, ROUNDS)
    return speedup(" on ExecuTorch", seconds["rebuilt"], seconds["factored"])


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
    return _loaded(model)(x)


def _loaded(model: bytes) -> Callable[[Tensor], Array]:
    from executorch.runtime import Runtime

    program = Runtime.get().load_program(model)
    method = program.load_method("forward")

    def call(x: Tensor) -> Array:
        found: Array = method.execute([x])[0].numpy().copy()
        assert model  # the program reads these bytes, so they must stay in memory
        return found

    return call


def _gap(found: Array, expected: Array) -> float:
    return float(np.abs(found - expected).max())
