"""Compare ``frformat compress`` with nncodec, the ISO standard's coder, at equal errors of the outputs.

    NNCODEC_PYTHON=venv/bin/python python -m bench equal_error

``compress`` writes one file, using calibration inputs. nncodec 2.1.3 (with dependent quantization, from the weights
alone) writes several files until the errors of two of them bracket the error of our file. Its size at that error is
interpolated between these two on logarithmic axes. Errors are measured on test inputs: the mean divergence from the
original's decisions in nats, or half the squared error relative to the variance. Results are kept in
``bench/results/equal_error.json``. Remove an entry to measure it again.
See :mod:`bench.standard` for how to install nncodec.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from bench import ROOT, Row
from bench.published import NETWORKS, Network, pruned_lenet5
from bench.records import kept
from bench.standard import nncodec
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
"""Change of the quantization parameter from one file to the next. It doubles or halves the quantization step."""

FARTHEST: Final = 6
"""Maximum number of times that the quantization parameter is changed by :data:`STEP`."""

PRUNED: Final = 6600
"""Maximum size of the pruned network's file in bytes, with an accuracy of at least :data:`LEAST`."""

LEAST: Final = 99.3
"""Minimum accuracy of the pruned network in percent."""

EFFORT: Final = 2
"""Number of files to create with sizes close to :data:`PRUNED`. The file with the lowest loss on the calibration inputs
is used."""


def run() -> Iterator[Row]:
    """Yield one row per network."""
    for name, aim in AIMS.items():
        known = measured(name)
        standard = at_error(known["nncodec"], known["error"])
        if standard is None:
            yield Row(name, f"{known['bytes']:,} B at {known['error']:.2g}: no two nncodec files bracket it", "", False)
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

    return kept(RESULTS, name, measure)


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

    return kept(RESULTS, "LeNet-5 pruned", measure)


def share(model: nn.Module) -> float:
    """Return the share of weights that are zero."""
    weights = torch.cat([value.flatten() for value in model.parameters() if value.dim() > 1])
    return round(float((weights == 0).float().mean()), 4)


@torch.no_grad()
def error(network: Network, model: nn.Module) -> float:
    """Return the error of a model's outputs on the test inputs."""
    meant = Outputs(network.outputs)
    found = [meant.distance(network.model(x), model(x)) for x in network.test]
    return float(f"{np.mean(found):.4g}")


def enclosing(network: Network, own: float) -> list[list[float]]:
    """Return sizes and errors of nncodec files. The last two bracket ``own``, unless no files within range do."""
    files = [coded(network, FIRST)]
    finer = files[0][1] > own
    for number in range(1, FARTHEST + 1):
        files.append(coded(network, FIRST + (-STEP if finer else STEP) * number))
        if (files[-1][1] > own) != finer:
            break
    return files


def coded(network: Network, qp: int) -> list[float]:
    """Return the size and the error of one nncodec file."""
    size, back = nncodec(network.model, [qp])[qp]
    return [float(size), error(network, with_weights(network.model, back))]


def with_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of a model with other weights."""
    found = copy.deepcopy(model)
    found.load_state_dict(dict(weights), strict=False)
    return found
