"""Read the phone's report, or have a runner on this machine write one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from frformat.errors import ReportError
from frformat.parity.report import Report, read_report

INSTALLED: Final = {"lite": "model.ptl", "ort": "model.onnx"}
"""The runtimes that can run on this machine instead of a phone, with file names for their skeletons: the lite
interpreter of the installed PyTorch, and the installed ONNX Runtime."""

SECONDS: Final = 3600.0
"""Time limit for a runner in seconds."""


def run(where: str, skeleton: str, weights: str, inputs: str, output: str) -> Report:
    """Run a model on files, and read the runner's report.

    Args:
        where: a runner (``.jar``), called as ``docs/parity-report.md`` defines; or a key of :data:`INSTALLED`.
        skeleton: the module.
        weights: the ``.frz`` file.
        inputs: a folder of ``.npy`` files.
        output: the report to write.

    Raises:
        ReportError: the runner fails, or its report is not valid.
        OSError: a file cannot be read, or Java is not installed.
    """
    arguments = ["report", skeleton, weights, inputs, "-o", output]
    module = [sys.executable, "-m", f"frformat.parity.{where}"]
    call = module if where in INSTALLED else ["java", "-jar", where]
    try:
        done = subprocess.run([*call, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"{where} did not finish within {SECONDS:.0f} s") from error
    if done.returncode or not os.path.exists(output):
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise ReportError(f"{where} ended with code {done.returncode}: {lines[-1] if lines else 'it printed nothing'}")
    return read_report(output)
