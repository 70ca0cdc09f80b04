"""Techniques that keep every weight: none at all, further training, rounding without training, and the ISO standard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from bench import Missing
from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.storing import encoded, loaded, pickled
from bench.techniques.tasks import Task
from frformat import CodedTensor
from frformat.torch import CompressionError, compress

PARAMETERS: Final = range(-38, -3, 2)
"""The quantization parameters of nncodec that are tried; the step doubles every 4."""

CODER: Final = """
import contextlib, io, json, os, sys, tempfile
import numpy as np, nncodec.nn as nn
source, folder, *qps = sys.argv[1:]
with np.load(source) as file:
    state = {name: file[name] for name in file}
sizes = {}
for qp in qps:
    options = dict(verbose=False, qp=int(qp), results=tempfile.gettempdir())
    with contextlib.redirect_stdout(io.StringIO()):
        data = nn.encode(dict(state), options)
        back = nn.decode(data, options)
    sizes[qp] = len(data)
    np.savez(os.path.join(folder, qp), **{n: np.asarray(v).reshape(state[n].shape) for n, v in back.items()})
print(json.dumps(sizes))
"""


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
    try:
        found = compress(job.task.model(job.tuned), batches=job.calibration(), size=job.size, seed=job.seed)
    except CompressionError as error:
        raise Unreachable(str(error)) from error
    return Made(found.data, loaded(job.task.model(), found.data), found.nbytes)


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
    state = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.npz"
        np.savez(source, **{name: value.numpy() for name, value in state.items()})
        python = os.environ.get("NNCODEC_PYTHON", sys.executable)
        command = [python, "-c", CODER, str(source), folder, *map(str, PARAMETERS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"nncodec 2.1.3 does not run: {done.stderr.strip().splitlines()[-1]}; see NNCODEC_PYTHON")
        sizes = json.loads(done.stdout.splitlines()[-1])
        found = {}
        for qp in PARAMETERS:
            with np.load(Path(folder) / f"{qp}.npz") as file:
                back = {name: _multiples(file[name]) for name in file}
            found[qp] = encoded(model.state_dict() | back), sizes[str(qp)]
    return found


def _multiples(values: np.ndarray) -> torch.Tensor | CodedTensor:
    """Return values as integers times a step, if they are multiples of one, or else exactly."""
    values = values.astype(np.float32)
    found = np.unique(np.abs(values[values != 0]).astype(np.float64))
    if values.ndim > 1 and len(found):
        step = min(found[0], *np.diff(found)) if len(found) > 1 else found[0]
        for divisor in (1, 2, 3, 4):
            coded = CodedTensor.of_array(values, f"step={float(step) / divisor * (1 + 1e-9)!r}")
            if np.array_equal(coded.canonical(), values):
                return coded
    return torch.from_numpy(values)
