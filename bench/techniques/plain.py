"""Techniques that keep every weight: exact storage, further training, rounding without and with training, the ISO
standard."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from torch import nn

from bench.standard import nncodec
from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.storing import encoded, loaded, pickled
from bench.techniques.tasks import Task
from frformat import CodedTensor
from frformat.torch import CompressionError, compress, save_model
from frformat.train import Settings

PARAMETERS: Final = range(-38, -3, 2)
"""The quantization parameters of nncodec to try; an increase by 4 doubles the step."""


def dense(job: Job) -> Made:
    """Store the network exactly."""
    return _exact(job.task.model())


def trained_on(job: Job) -> Made:
    """Train the dense network further, and store it exactly."""
    return _exact(job.fit(job.task.model()))


def _exact(model: nn.Module) -> Made:
    return Made(encoded(model.state_dict()), model, pickled(model.state_dict()))


def rounding(job: Job) -> Made:
    """Round each weight as coarsely as the outputs allow (``frformat compress``)."""
    data = _rounded(job)
    return Made(data, loaded(job.task.model(), data), len(data))


def fine_tuned(job: Job) -> Made:
    """Round each weight, and train the rounded weights in this form."""
    with TemporaryDirectory() as folder:
        start, end = Path(folder) / "start.frz", Path(folder) / "end.frz"
        start.write_bytes(_rounded(replace(job, rate=1.0, strength=None)))
        settings = {
            "dense": False,
            "quantized": True,
            "quantized_lr": Settings.quantized_lr * job.rate,
            "quantize_from": job.strength,
            "size": job.size,
        }
        save_model(job.fit(weights=start, **settings), end)
        data = end.read_bytes()
    return Made(data, loaded(job.task.model(), data), len(data))


@cache
def _rounded(job: Job) -> bytes:
    """Return the file of the rounded network. Learning rates and strengths make no difference."""
    try:
        return compress(job.task.model(job.tuned), None, job.calibration(), size=job.size, seed=job.seed).data
    except CompressionError as error:
        raise Unreachable(str(error)) from error


def standard(job: Job) -> Made:
    """Code the weights with nncodec, and store the values that its decoder returns."""
    assert job.tuned is not None
    assert job.size is not None
    files = _coded(job.tuned, job.task)
    for qp in PARAMETERS:
        data, native = files[qp]
        if len(data) <= job.size:
            return Made(data, loaded(job.task.model(), data), native, note=f"qp {qp}")
    raise Unreachable(f"{len(files[PARAMETERS[-1]][0]):,} bytes with qp {PARAMETERS[-1]}")


@cache
def _coded(tuned: Path, task: Task) -> dict[int, tuple[bytes, int]]:
    """Return, for each quantization parameter, the values as an ``.frz`` file and the size of nncodec's own file."""
    model = task.model(tuned)
    found = {}
    for qp, (native, back) in nncodec(model, PARAMETERS).items():
        values = {name: _multiples(value.numpy()) for name, value in back.items()}
        found[qp] = encoded(model.state_dict() | values), native
    return found


def _multiples(values: np.ndarray) -> torch.Tensor | CodedTensor:
    """Return values as integers times a step if all are multiples of one step; otherwise, return them exactly."""
    values = values.astype(np.float32)
    found = np.unique(np.abs(values[values != 0]).astype(np.float64))
    if values.ndim > 1 and len(found):
        step = min(found[0], *np.diff(found)) if len(found) > 1 else found[0]
        for divisor in (1, 2, 3, 4):
            coded = CodedTensor.of_array(values, f"step={float(step) / divisor * (1 + 1e-9)!r}")
            if np.array_equal(coded.canonical(), values):
                return coded
    return torch.from_numpy(values)
