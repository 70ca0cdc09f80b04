"""Create parity reports with the lite interpreter of the installed PyTorch.

    python -m frformat.parity.lite report SKELETON.ptl MODEL.frz INPUTS -o REPORT.json

Like an app, this runner handles one tensor at a time: it decodes the tensor or only its coefficients, passes the result
to the module, and frees the memory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.jit.mobile import _load_for_lite_interpreter

import frformat
from frformat import FrzFile
from frformat.checkpoints.torch_tensors import to_torch
from frformat.parity import runner
from frformat.parity.runner import Floats, timed
from frformat.runtimes.contract import described
from frformat.runtimes.pytorch_mobile.probe import OUTPUT
from frformat.runtimes.pytorch_mobile.quiet import quietly


def main(arguments: list[str]) -> None:
    """Create a report."""
    runner.main(
        "frformat.parity.lite",
        {"name": "lite interpreter", "version": torch.__version__, "threads": torch.get_num_threads()},
        _start,
        arguments,
    )


def _start(skeleton: Path, weights: Path, times: dict[str, float]) -> runner.Run:
    module = load(skeleton, weights, times)

    def run(values: NDArray[Any]) -> dict[str, Floats]:
        with torch.inference_mode():
            try:
                found = module(torch.from_numpy(values))
            except (RuntimeError, torch.jit.Error) as error:
                raise runner.RunError(str(error)) from error
        return {name: _floats(value) for name, value in (found if isinstance(found, dict) else {OUTPUT: found}).items()}

    return run


def load(skeleton: Path, weights: Path, times: dict[str, float]) -> Any:
    """Load a module and its weights; the time of each step in ms is added to ``times``."""
    with timed(times, "total"), quietly():
        with timed(times, "skeleton"):
            module: Any = _load_for_lite_interpreter(os.fspath(skeleton))  # type: ignore[no-untyped-call]
        try:
            wanted: dict[str, list[int]] = module.run_method("coefficients_wanted")
        except RuntimeError as error:
            raise SystemExit(f"{skeleton} takes no weights; export a skeleton with `frformat export`") from error
        with frformat.open(weights) as file:
            for name in file:
                with timed(times, "decode"):
                    tensor = to_torch(_coefficients(file, name, wanted[name]) if name in wanted else file[name])
                with timed(times, "hand_over"):
                    module.run_method("load_weights", {name: tensor})
    missing = module.run_method("weights_missing")
    if missing:
        raise SystemExit(f"{weights} lacks some weights of the model: {', '.join(missing)}")
    return module


def _coefficients(file: FrzFile, name: str, wanted: list[int]) -> Any:
    """Return the coefficients of a tensor, after checking their form."""
    form = file.info(name).form(file.tier)
    if list(form) != wanted:
        stored = f"in {described(form)}" if form else "without coefficients"
        raise SystemExit(
            f"the skeleton expects the coefficients of {name} in {described(wanted)}, but the file stores it {stored}; "
            "export the skeleton again with this file"
        )
    return file.coefficients(name)


def _floats(tensor: Tensor) -> Floats:
    values: Floats = tensor.to(torch.float32).contiguous().numpy()
    return values


if __name__ == "__main__":
    main(sys.argv[1:])
