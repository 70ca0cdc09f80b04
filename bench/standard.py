"""The coder of the ISO standard: nncodec 2.1.3, with dependent quantization and without calibration data.

nncodec requires an older NumPy than this project: set ``NNCODEC_PYTHON`` to a Python interpreter that has both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from bench import Missing

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


def require() -> None:
    """Check that nncodec runs.

    Raises:
        Missing: it does not.
    """
    _run("import nncodec.nn")


def nncodec(model: nn.Module, parameters: Sequence[int]) -> dict[int, tuple[int, dict[str, Tensor]]]:
    """Code the weights of a model.

    Args:
        model: the model; its floating-point tensors are coded.
        parameters: quantization parameters; an increase by 4 doubles the step.

    Returns:
        For each quantization parameter, the size of nncodec's file and the tensors that its decoder returns.

    Raises:
        Missing: nncodec cannot run.
    """
    state = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.npz"
        np.savez(source, **{name: value.numpy() for name, value in state.items()})
        sizes = json.loads(_run(CODER, str(source), folder, *map(str, parameters)).splitlines()[-1])
        found = {}
        for each in parameters:
            with np.load(Path(folder) / f"{each}.npz") as file:
                found[each] = sizes[str(each)], {name: torch.from_numpy(file[name]) for name in file}
    return found


def _run(program: str, *arguments: str) -> str:
    """Run a program in the Python environment of nncodec, and return what it prints."""
    python = os.environ.get("NNCODEC_PYTHON", sys.executable)
    try:
        done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Missing(f"NNCODEC_PYTHON names no Python interpreter: {error}") from error
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        raise Missing(
            f"nncodec 2.1.3 does not run ({reason}): set NNCODEC_PYTHON to the interpreter of an environment that has "
            "it, as `make techniques` does"
        )
    return done.stdout
