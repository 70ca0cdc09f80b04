"""Measure the result of a technique: its metric, its cost, and whether the Kotlin decoder reads the file."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

import frformat
from bench import Missing, jar
from bench.techniques.jobs import Job, Made
from bench.turns import paired
from frformat.torch.costs import costs
from frformat.train import ProcessGroup
from frformat.train.export import evaluating

ROUNDS: Final = 30
"""Number of inferences to measure, after a few warm-up runs."""

TOLERANCE: Final = 1e-6
"""Maximum difference between the weights that the two decoders rebuild, relative to a tensor's largest weight."""


def require() -> None:
    """Check that the Kotlin decoder can run.

    Raises:
        Missing: it cannot.
    """
    if not shutil.which("java"):
        raise Missing("Java is not installed, so the Kotlin decoder cannot run")
    jar()


def score(job: Job, made: Made, samples: TensorDataset) -> float:
    """Return the metric in percent, with six digits."""
    model = made.evaluated or made.model
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    recipe = job.recipe()
    if any("fx" in kind.__module__ for kind in type(model).__mro__):  # switching modes would undo its conversion
        with torch.no_grad():
            scores = recipe.evaluate(model, samples, ProcessGroup())
    else:
        with evaluating(model):
            scores = recipe.evaluate(model, samples, ProcessGroup())
    return float(f"{100 * scores[recipe.metric]:.6g}")


def measured(job: Job, made: Made) -> dict[str, Any]:
    """Return the measurements of a row."""
    example, dense = job.example(), job.task.model()
    found = {
        "bytes": len(made.data),
        "native": made.native,
        "metric": score(job, made, job.data.test),
        "note": made.note,
        "kotlin": kotlin(made.data)[0],
    }
    if isinstance(made.model, torch.fx.GraphModule) and not made.costed:  # a simulation of integer arithmetic
        return found | {"multiply_adds": None, "peak_bytes": None, "time": None}
    model = made.model if made.costed else dense
    cost = costs(model, example)
    slower = relative(model, dense, example) if made.costed else 1.0
    return found | {"multiply_adds": cost.multiply_adds, "peak_bytes": cost.peak_bytes, "time": slower}


@torch.no_grad()
def relative(model: nn.Module, dense: nn.Module, example: torch.Tensor) -> float:
    """Return the median time of an inference, relative to that of the dense network; the two networks take turns."""
    model.eval()
    dense.eval()
    own, other = paired(lambda: model(example), lambda: dense(example), ROUNDS, unmeasured=5)
    return round(own / other, 3)


def kotlin(*files: bytes) -> list[bool]:
    """Return, for each file, whether the Kotlin decoder rebuilds the same weights."""
    require()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.frz" for number in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        elements = Path(folder) / "elements"
        command = ["java", "-jar", str(jar()), "parity", *map(str, paths), "--out", str(elements)]
        answers = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        return [_same(json.loads(line), data, elements) for line, data in zip(answers, files, strict=True)]


def _same(answer: dict[str, Any], data: bytes, elements: Path) -> bool:
    """Return whether the elements that the Kotlin decoder wrote match those of the file."""
    arrays = frformat.load(data)
    for tensor in answer["tensors"]:
        array = arrays.pop(tensor["name"])
        other = np.fromfile(elements / tensor["file"], array.dtype).reshape(array.shape).astype(np.float64)
        largest = float(np.abs(array.astype(np.float64)).max(initial=0))
        if np.abs(array - other).max(initial=0) > TOLERANCE * largest:
            return False
    return not arrays
