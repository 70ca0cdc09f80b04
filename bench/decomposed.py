"""Compare a decomposed ResNet-20 that runs on its factors with the same network on rebuilt weights.

python -m bench decomposed
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from bench import DATA, Missing, Row
from bench.compress import network
from frformat.parity.lite import load
from frformat.runtimes import export
from frformat.runtimes.onnxruntime import session
from frformat.torch import decompose, factorize, load_model, save_model
from frformat.torch.costs import costs
from frformat.train.models import ResNet20

PARAMETERS: Final = 81_000
BATCHES: Final = (1, 64)
ROUNDS: Final = 15

Network = Callable[[Tensor], Tensor]


def run() -> Iterator[Row]:
    """Yield a row for each runtime and batch size."""
    if not (DATA / "resnet_cifar10").exists():
        raise Missing("resnet_cifar10 does not exist: set FRFORMAT_DATA to a folder that contains it")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield from _rows(Path(folder))
    finally:
        torch.set_num_threads(threads)


def _rows(folder: Path) -> Iterator[Row]:
    weights = folder / "model.frz"
    save_model(decompose(network(), parameters=PARAMETERS), weights)
    rebuilt = network()
    load_model(rebuilt, weights)
    for batch in BATCHES:
        x = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        factored = factorize(ResNet20(), x, weights)
        work = costs(rebuilt, x).multiply_adds / costs(factored, x).multiply_adds
        pairs: dict[str, tuple[Network, Network]] = {"PyTorch": (rebuilt, factored)}
        for extension, runtime in (("ptl", "lite interpreter"), ("onnx", "ONNX Runtime")):
            paths = [folder / f"{kind}-{batch}.{extension}" for kind in ("rebuilt", "factored")]
            for path in paths:
                export(ResNet20(), path, factored=path is paths[1], example=x, weights=weights)
            one, other = (_network(path, weights) for path in paths)
            pairs[runtime] = one, other
        for runtime, pair in pairs.items():
            seconds, difference = _compared(pair, x)
            ratio = seconds[1] / seconds[0]
            yield Row(
                f"ResNet-20 with {PARAMETERS:,} parameters, {runtime}, batch of {batch}, one thread",
                f"{work:.1f} × fewer multiply-adds, {ratio:.2f} × the time; outputs differ by {difference:.0e}",
                "≤ 1 × the time, ≤ 1e-5",
                ratio <= 1 and difference <= 1e-5,
            )


def _network(path: Path, weights: Path) -> Network:
    if path.suffix == ".ptl":
        module: Network = load(path, weights, {})
        return module
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    made = session(path, weights, options=options)
    name = made.get_inputs()[0].name
    return lambda x: torch.from_numpy(made.run(None, {name: x.numpy()})[0])


@torch.inference_mode()
def _compared(pair: tuple[Network, Network], x: Tensor) -> tuple[list[float], float]:
    """Return each network's shortest time, and the largest output difference, relative to the largest output."""
    seconds, outputs = [float("inf")] * 2, [x, x]
    for _ in range(ROUNDS):
        for i, each in enumerate(pair):
            start = time.thread_time()  # not disturbed by other processes
            outputs[i] = each(x)
            seconds[i] = min(seconds[i], time.thread_time() - start)
    return seconds, float((outputs[0] - outputs[1]).abs().max() / outputs[0].abs().max())
