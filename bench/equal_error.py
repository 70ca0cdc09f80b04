"""Compare ``frformat compress`` with nncodec, the ISO standard's coder, at equal errors of the outputs.

    NNCODEC_PYTHON=venv/bin/python python -m bench equal_error

``compress`` writes one file, using calibration inputs. nncodec 2.1.3 (with dependent quantization, from the weights
alone) writes several files until the errors of two of them bracket the error of our file. Its size at that error is
interpolated between these two on logarithmic axes. Errors are measured on test inputs: the mean divergence from the
original's decisions in nats, or half the squared error relative to the variance. Results are kept in
``bench/results/equal_error.json``. Remove an entry to measure it again.

nncodec requires an older NumPy than this project: set ``NNCODEC_PYTHON`` to a Python interpreter that has both.
"""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from bench import ROOT, Missing, Row
from bench.published import NETWORKS, Network, pruned_lenet5
from frformat.format.atomic import replacing
from frformat.torch import compress
from frformat.torch.compression.outputs import Outputs
from frformat.train.data import load_mnist

RESULTS: Final = ROOT / "bench" / "results" / "equal_error.json"

AIMS: Final = {"ResNet-56": 0.5, "LeNet-5": 0.5, "O-Net": 0.8, "CREPE tiny": 0.8, "CREPE": 0.8}
"""The targets: the maximum size of our file relative to nncodec's."""

QUALITY: Final = {"ResNet-56": 3, "LeNet-5": 8, "O-Net": 6, "CREPE tiny": 6, "CREPE": 6}
"""The quality at which each network is compressed."""

FIRST: Final = -28
"""Quantization parameter of nncodec for its first file."""

STEP: Final = 4
"""Change of this parameter from one file to the next, which doubles or halves the quantization step."""

FARTHEST: Final = 6
"""Maximum number of such changes."""

PRUNED: Final = 6600
"""Maximum size of the pruned network's file in bytes, with an accuracy of at least :data:`LEAST`."""

LEAST: Final = 99.3
"""Minimum accuracy in percent."""

EFFORT: Final = 2
"""Number of files close to that size to create. The one with the lowest loss on the calibration inputs is used."""

CODER: Final = """
import contextlib, io, os, sys, tempfile
import numpy as np, nncodec.nn as nn
source, target, qp = sys.argv[1:]
with np.load(source) as file:
    state = {name: file[name] for name in file}
options = dict(verbose=False, qp=int(qp), results=tempfile.gettempdir())
with contextlib.redirect_stdout(io.StringIO()):
    data = nn.encode(dict(state), options)
    back = nn.decode(data, options)
np.savez(target, **{name: np.asarray(value).reshape(state[name].shape) for name, value in back.items()})
print(len(data))
"""


def run() -> Iterator[Row]:
    """Yield one row per network."""
    for name, aim in AIMS.items():
        known = measured(name)
        standard = at_error(known["nncodec"], known["error"])
        if standard is None:
            yield Row(name, f"{known['bytes']:,} B at {known['error']:.2g}: no two nncodec files enclose it", "", False)
            continue
        ratio = known["bytes"] / standard
        figure = f"{known['bytes']:,} B, nncodec {standard:,.0f} B at {known['error']:.2g}: {ratio:.2f} ×"
        yield Row(f"{name}, equal output error", figure, f"≤ {aim} ×", ratio <= aim)
    known = pruned()
    figure = f"{known['bytes']:,} B: {known['accuracy']:.2f} %"
    met = known["bytes"] <= PRUNED and known["accuracy"] >= LEAST
    yield Row("LeNet-5 pruned by ADMM", figure, f"≤ {PRUNED:,} B at ≥ {LEAST} %", met)


def at_error(files: list[list[float]], error: float) -> float | None:
    """Return the size at a given error, interpolated between two ``files``; None if no two files bracket the error."""
    for (more, high), (most, low) in pairwise(sorted(files)):
        if low <= error <= high:
            share = math.log(high / error) / math.log(high / low) if high > low else 0.0
            return more * (most / more) ** share
    return None


def measured(name: str) -> dict[str, Any]:
    """Return the sizes and errors of our file and of nncodec's files."""

    def measure() -> dict[str, Any]:
        network = NETWORKS[name]()
        found = compress(network.model, batches=network.calibration, quality=QUALITY[name], outputs=network.outputs)
        assert found.model is not None
        own = error(network, found.model)
        return {"bytes": found.nbytes, "error": own, "nncodec": enclosing(network, own)}

    return kept(name, measure)


def pruned() -> dict[str, Any]:
    """Return the size of the pruned network's file, and its accuracy on the 10,000 test images."""

    def measure() -> dict[str, Any]:
        network = pruned_lenet5()
        found = compress(network.model, batches=network.calibration, size=PRUNED, effort=EFFORT)
        assert found.model is not None
        labels = load_mnist("test").tensors[1]
        with torch.no_grad():
            decided = torch.cat([found.model(x).argmax(1) for x in network.test])
        zeros = [share(model) for model in (network.model, found.model)]
        accuracy = 100 * float((decided == labels).float().mean())
        return {"bytes": found.nbytes, "accuracy": round(accuracy, 2), "zeros": zeros}

    return kept("LeNet-5 pruned", measure)


def share(model: nn.Module) -> float:
    """Return the share of weights that are zero."""
    weights = torch.cat([value.flatten() for value in model.parameters() if value.dim() > 1])
    return round(float((weights == 0).float().mean()), 4)


def kept(name: str, measure: Any) -> dict[str, Any]:
    """Return the recorded result. If there is none, measure and record it first."""
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if name not in known:
        known[name] = measure()
        with replacing(RESULTS) as file:
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(known[key])}" for key in sorted(known))
            file.write(f"{{\n{lines}\n}}\n".encode())
    found: dict[str, Any] = known[name]
    return found


@torch.no_grad()
def error(network: Network, model: nn.Module) -> float:
    """Return the error of a model's outputs on the test inputs."""
    meant = Outputs(network.outputs)
    found = [meant.distance(network.model(x), model(x)) for x in network.test]
    return float(f"{np.mean(found):.4g}")


def enclosing(network: Network, own: float) -> list[list[float]]:
    """Return sizes and errors of nncodec files. The last two bracket ``own``, unless no files within range do."""
    files = [nncodec(network, FIRST)]
    finer = files[0][1] > own
    for number in range(1, FARTHEST + 1):
        files.append(nncodec(network, FIRST + (-STEP if finer else STEP) * number))
        if (files[-1][1] > own) != finer:
            break
    return files


def nncodec(network: Network, qp: int) -> list[float]:
    """Return the size and the error of one nncodec file."""
    state = {name: value for name, value in network.model.state_dict().items() if value.is_floating_point()}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.npz", Path(folder) / "target.npz"
        np.savez(source, **{name: value.numpy() for name, value in state.items()})
        python = os.environ.get("NNCODEC_PYTHON", sys.executable)
        done = subprocess.run(
            [python, "-c", CODER, str(source), str(target), str(qp)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Missing(f"nncodec 2.1.3 does not run: {done.stderr.strip().splitlines()[-1]}; see NNCODEC_PYTHON")
        with np.load(target) as file:
            back = {name: torch.from_numpy(file[name]) for name in file}
    return [float(done.stdout.split()[-1]), error(network, with_weights(network.model, back))]


def with_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of a model with other weights."""
    found = copy.deepcopy(model)
    found.load_state_dict(dict(weights), strict=False)
    return found
