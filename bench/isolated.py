"""Measure in a new process, so that nothing that ran before affects memory use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import ROOT
from frformat.parity.runner import resident


def measured(module: str, *arguments: object) -> Any:
    """Run ``python -m module`` with arguments, and return what it prints as JSON."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)


def current_memory() -> int:
    """Return the number of resident bytes of this process."""
    return resident("VmRSS")


def peak_memory() -> int:
    """Return the largest number of resident bytes of this process since the last :func:`reset_peak`."""
    return resident("VmHWM")


def reset_peak() -> None:
    """Reset the peak memory measurement."""
    Path("/proc/self/clear_refs").write_text("5")
