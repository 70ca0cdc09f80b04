"""Compare LeNet-5 and the published UNet on ONNX Runtime with PyTorch: outputs, sizes, times and memory.

The UNet also runs on the lite interpreter of the installed PyTorch.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import frformat
from bench import DATA, ROOT, Missing, Row
from bench.isolated import current_memory, measured, peak_memory, reset_peak
from bench.turns import fastest
from bench.unet import carvana, spectra, speedup
from frformat.parity import lite
from frformat.runtimes import export
from frformat.runtimes.onnxruntime import session
from frformat.runtimes.onnxruntime.loading import UNPADDED
from frformat.torch import factorize, load_model
from frformat.train.data import MNIST_PIXELS, UNIT_PIXELS, MissingDataError, load_mnist
from frformat.train.models import LeNet5, UNet

THREADS: Final = 1
"""Number of threads. With one, processor time measures the actual work, and other programs hardly affect it."""

ROUNDS: Final = 2
LOADS: Final = 5
EXAMPLE: Final = (1, 3, 640, 959)

Array = NDArray[Any]


def run() -> Iterator[Row]:
    """Measure LeNet-5 on all test digits, then the UNet on one image."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise Missing('pip install ".[onnx]"') from error
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            yield from _lenet5(folder)
            yield from _unet(folder)
        finally:
            torch.set_num_threads(threads)


def made(skeleton: Path, weights: Path) -> Callable[[Array], Array]:
    """Return a session as a function that takes images."""
    running = session(skeleton, weights, options=options())
    return lambda x: np.asarray(running.run(None, {"x": x})[0])


def options() -> Any:
    """Return options for a session that uses as many threads as PyTorch."""
    import onnxruntime

    found = onnxruntime.SessionOptions()
    found.intra_op_num_threads, found.log_severity_level = THREADS, 3
    return found


@torch.inference_mode()
def _lenet5(folder: Path) -> Iterator[Row]:
    weights = ROOT / "examples" / "lenet5.frz"
    model = LeNet5().eval()
    load_model(model, weights)
    try:
        images, _ = load_mnist("test", DATA).tensors
    except MissingDataError as error:
        raise Missing(str(error)) from error
    x = MNIST_PIXELS(images)
    expected = model(x).numpy()
    for factored in (False, True):
        path = folder / "lenet5.onnx"
        size = export(LeNet5(), path, factored=factored, example=x[:1], weights=weights).bytes
        found = made(path, weights)(x.numpy())
        other = int((found.argmax(1) != expected.argmax(1)).sum())
        difference = float(np.abs(found - expected).max())
        kind = "factored" if factored else "rebuilt"
        figure = f"{other} of {len(x):,} differ, logits by {difference:.1e}; skeleton {size:,} bytes"
        yield Row(f"LeNet-5 {kind}, predictions", figure, "none", other == 0)


def _unet(folder: Path) -> Iterator[Row]:
    weights = folder / "unet.frz"
    frformat.save_file(spectra(), weights)
    x = UNIT_PIXELS(carvana()[0][0][None])
    rebuilt, factored, inputs, complete = (
        folder / f"{name}.onnx" for name in ("rebuilt", "factored", "inputs", "complete")
    )
    model = UNet().eval()
    load_model(model, weights)
    aims = ((rebuilt, False, 9_000), (factored, True, 25_000))
    for path, thin, aim in aims:
        size = export(UNet(), path, factored=thin, example=torch.zeros(EXAMPLE), weights=weights).bytes
        together = size + weights.stat().st_size
        figure = f"{size:,} + {weights.stat().st_size:,} = {together:,} bytes"
        yield Row(f"UNet {path.stem}, skeleton.onnx and model.frz", figure, f"≤ {aim:,}", together <= aim)
    export(UNet(), inputs, example=torch.zeros(EXAMPLE), weights=weights, weights_as_inputs=True)
    thin_model = factorize(UNet(), x, weights)
    runs: dict[str, Callable[[Array], Array]] = {
        "torch": _called(model),
        "torch factored": _called(thin_model),
        "rebuilt": made(rebuilt, weights),
        "factored": made(factored, weights),
        "inputs": made(inputs, weights),
        "lite": _lite(folder / "rebuilt.ptl", False, weights),
        "lite factored": _lite(folder / "factored.ptl", True, weights),
    }
    yield from _comparison(runs, x.numpy())
    yield from _larger(runs, x)
    export(model, complete, example=torch.zeros(EXAMPLE), with_weights=True)
    yield from _loading(rebuilt, inputs, weights, complete)
    yield from _memory(rebuilt, inputs, factored, weights)


def _lite(skeleton: Path, factored: bool, weights: Path) -> Callable[[Array], Array]:
    """Export the UNet for the lite interpreter and load it."""
    export(UNet(), skeleton, factored=factored, example=torch.zeros(EXAMPLE), weights=weights)
    return _called(lite.load(skeleton, weights, defaultdict(float)))


def _called(model: Callable[[Tensor], Tensor]) -> Callable[[Array], Array]:
    @torch.inference_mode()
    def call(x: Array) -> Array:
        return model(torch.from_numpy(x)).numpy()

    return call


def _comparison(runs: dict[str, Callable[[Array], Array]], x: Array) -> Iterator[Row]:
    seconds, out = fastest({name: functools.partial(call, x) for name, call in runs.items()}, ROUNDS)
    for name in ("rebuilt", "factored", "inputs", "lite", "lite factored"):
        difference = float(np.abs(out[name] - out["torch"]).max())
        other = float((out[name].argmax(1) != out["torch"].argmax(1)).mean())
        yield Row(f"UNet {name}, largest difference of a logit", f"{difference:.1e}", "≤ 2e-3", difference <= 2e-3)
        yield Row("… pixels with a different class", f"{other:.4%}", "≤ 0.01 %", other <= 1e-4)
    for where, dense, thin in (("", "rebuilt", "factored"), (" on the lite interpreter", "lite", "lite factored")):
        yield speedup(where, seconds[dense], seconds[thin])
        ratio = seconds[thin] / seconds["torch factored"]
        yield Row("… time against our factored PyTorch network", f"{ratio:.2f} ×", "≤ 1.5 ×", ratio <= 1.5)
    ratio = seconds["inputs"] / seconds["rebuilt"]
    yield Row(
        "UNet 959×640, processor time with weights as inputs, compared with initializers", f"{ratio:.2f} ×", "", True
    )


def _larger(runs: dict[str, Callable[[Array], Array]], x: Tensor) -> Iterator[Row]:
    """Compare with our factored PyTorch network on an image with twice the height and width of the example."""
    twice = torch.nn.functional.interpolate(x, scale_factor=2).numpy()
    found, expected = runs["factored"](twice), runs["torch factored"](twice)
    other = float((found.argmax(1) != expected.argmax(1)).mean())
    difference = float(np.abs(found - expected).max())
    figure = f"{other:.4%} of pixels with a different class, logits by {difference:.1e}"
    yield Row("UNet factored, at twice the example's size", figure, "≤ 0.01 %", other <= 1e-4)


def _loading(rebuilt: Path, inputs: Path, weights: Path, complete: Path) -> Iterator[Row]:
    """Compare the processor times to create a process's first session. Processes alternate; the fastest run counts."""
    paths = {"initializers": (rebuilt, weights), "inputs": (inputs, weights), "complete": (complete,)}
    keys = [("blocked", name) for name in paths] + [("plain", "initializers"), ("plain", "complete")]
    seconds = dict.fromkeys(keys, float("inf"))
    for _ in range(LOADS):
        for layout, name in keys:
            found = measured("bench.runtimes", "load", layout, *paths[name])["seconds"]
            seconds[layout, name] = min(seconds[layout, name], found)
    size = complete.stat().st_size
    for layout, name in keys:
        if name != "complete":
            spent, whole = seconds[layout, name], seconds[layout, "complete"]
            times = f"{1000 * spent:.0f} ms, {size / 1e6:.0f} MB with weights: {1000 * whole:.0f} ms"
            what = f"UNet, time to create a session from model.frz and a skeleton with weights as {name}"
            what += ", without NchwcTransformer" if layout == "plain" else ""
            yield Row(what, f"{spent / whole:.2f} × ({times})", "≤ 1.0 ×", spent <= whole)


def _memory(rebuilt: Path, inputs: Path, factored: Path, weights: Path) -> Iterator[Row]:
    """Measure, in new processes that have already run LeNet-5, how much memory loading and one run add."""
    for path, aim in ((rebuilt, None), (inputs, None), (factored, 220)):
        mebibytes = {name: size / (1 << 20) for name, size in measured("bench.runtimes", "run", path, weights).items()}
        met = aim is None or mebibytes["peak"] <= aim
        what = f"UNet {path.stem}, peak memory of loading and one image"
        figure = "{peak:.0f} MiB (loading alone {loading:.0f} MiB, held after loading {held:.0f} MiB)"
        yield Row(what, figure.format(**mebibytes), f"≤ {aim} MiB" if aim else "", met)


def load(layout: str, path: str, weights: str | None = None) -> None:
    """Print the processor time to create a session as JSON.

    Args:
        layout: ``blocked``: ONNX Runtime rearranges weights of convolutions in blocks of channels, as it does by
            default on x86-64. ``plain``: it does not, as on processors for which it has no kernels for such blocks.
        path: a skeleton, or a model that contains its weights.
        weights: the ``.frz`` file of a skeleton.
    """
    import onnxruntime

    _warm_up()
    chosen = options()
    if layout == "plain":
        chosen.add_session_config_entry(*UNPADDED)
    start = time.process_time()
    if weights is None:
        onnxruntime.InferenceSession(path, chosen)
    else:
        session(path, weights, options=chosen)
    print(json.dumps({"seconds": time.process_time() - start}))


def run_once(skeleton: str, weights: str) -> None:
    """Load a skeleton, run it once, and print, as JSON, the memory that this takes."""
    x = np.ascontiguousarray(UNIT_PIXELS(carvana()[0][0][None]).numpy())
    _warm_up()
    before = current_memory()
    reset_peak()
    run = made(Path(skeleton), Path(weights))
    figures = {"loading": peak_memory() - before, "held": current_memory() - before}
    run(x)
    print(json.dumps(figures | {"peak": peak_memory() - before}))


def _warm_up() -> None:
    """Run LeNet-5, so that everything that the measured code uses is imported beforehand."""
    with tempfile.TemporaryDirectory() as folder:
        small, own = Path(folder) / "small.onnx", ROOT / "examples" / "lenet5.frz"
        export(LeNet5(), small, example=torch.zeros(1, 1, 28, 28), weights=own)
        made(small, own)(np.zeros((1, 1, 28, 28), np.float32))


if __name__ == "__main__":
    {"load": load, "run": run_once}[sys.argv[1]](*sys.argv[2:])
