"""Create parity reports with the installed ONNX Runtime.

Run it as ``python -m frformat.parity.ort report SKELETON.onnx MODEL.frz INPUTS -o REPORT.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import DependencyError, FrzError, LoadError
from frformat.parity import runner
from frformat.parity.runner import OUTPUT, Floats, timed


def main(arguments: list[str]) -> None:
    """Create a report."""
    try:
        import onnxruntime
    except ImportError as error:
        raise SystemExit(str(DependencyError("running ONNX models", error))) from error
    runner.main("frformat.parity.ort", {"name": "onnxruntime", "version": onnxruntime.__version__}, _start, arguments)


def _start(skeleton: Path, weights: Path, times: dict[str, float]) -> runner.Run:
    from frformat.runtimes.onnxruntime import session

    with timed(times, "total"):
        try:
            loaded = session(skeleton, weights)
        except (FrzError, LoadError) as error:
            raise SystemExit(str(error)) from error
    name = loaded.get_inputs()[0].name

    def run(values: NDArray[Any]) -> dict[str, Floats]:
        try:
            found = loaded.run(None, {name: values})[0]
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            raise runner.RunError(str(error)) from error
        return {OUTPUT: np.asarray(found, np.float32, order="C")}

    return run


if __name__ == "__main__":
    main(sys.argv[1:])
