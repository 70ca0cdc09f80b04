"""Create parity reports with a runtime that is installed on this machine, in the same form as reports from phones."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import frformat
from frformat.parity import writing
from frformat.parity.npy import read_input
from frformat.parity.report import LoadedFile, checksum
from frformat.parity.writing import Json

Floats = NDArray[np.float32]

OUTPUT = "output"
"""Name of the model's own output among those of its layers."""

Run = Callable[[NDArray[Any]], dict[str, Floats]]
"""Runs the model on one input and returns the outputs by name; raises :class:`RunError`."""

Start = Callable[[Path, Path, dict[str, float]], Run]
"""Loads a skeleton and weights, and records the time of each step in ms."""


class RunError(Exception):
    """Raised if the runtime cannot run the model on an input."""


def main(name: str, runtime: Json, start: Start, arguments: list[str]) -> None:
    """Create a report, given the arguments ``report SKELETON MODEL.frz INPUTS -o REPORT.json [--force]``.

    Args:
        name: the module that runs, for messages and the report.
        runtime: the report's facts about the runtime.
        start: loads a model.
        arguments: the command line.
    """
    parser = argparse.ArgumentParser(prog=name, description="Write a parity report.")
    parser.add_argument("command", choices=["report"])
    for argument in ("skeleton", "weights", "inputs"):
        parser.add_argument(argument, type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--force", action="store_true", help="replace the report and its outputs if they exist")
    given = parser.parse_args(arguments)
    paths = sorted(given.inputs.glob("*.npy"))
    written = [given.output, *(given.output.parent / _output_of(path) for path in paths)]
    existing = next((path for path in written if os.path.lexists(path)), None)
    if existing is not None and not given.force:
        parser.error(f"{existing}: it exists; use --force to replace it")
    before, times = resident("VmRSS"), dict[str, float]()
    run = start(given.skeleton, given.weights, times)
    loaded = resident("VmRSS")
    inputs = [_describe(run, path, given.output.parent, times) for path in paths]
    writing.write_report(
        given.output,
        producer={"name": name, "version": frformat.__version__},
        device={"os": platform.system(), "abi": platform.machine(), "cores": os.cpu_count()},
        runtime=runtime,
        model={"skeleton": vars(LoadedFile.of(given.skeleton)), "weights": vars(LoadedFile.of(given.weights))},
        load=times,
        memory={"before": before, "loaded": loaded, "peak": resident("VmHWM")},
        inputs=inputs,
    )


def _describe(run: Run, path: Path, folder: Path, load: dict[str, float]) -> Json:
    """Return the report's member for one input."""
    values = read_input(os.fspath(path))
    facts: Json = {"name": path.stem, "shape": list(values.shape), "crc32": checksum(values)}
    times: dict[str, float] = {}
    try:
        if "first_forward" not in load:
            with timed(load, "first_forward"):
                run(values)
        with timed(times, "forward"):
            layers = run(values)
    except RunError as error:
        return facts | {"error": str(error).splitlines()[0][:1000]}
    output = layers.pop(OUTPUT)
    file = _output_of(path)
    np.save(folder / file, output)
    facts |= {"ms": [times["forward"]]}
    facts["output"] = writing.describe(output) | {"values": {"encoding": "npy", "file": file}}
    if layers:
        facts["layers"] = [{"name": k} | writing.describe(v, embed=True) for k, v in sorted(layers.items())]
    return facts


def _output_of(path: Path) -> str:
    """Return the name of the file with the output for an input."""
    return f"{path.stem}.out.npy"


def resident(what: str) -> int:
    """Return the resident bytes of this process, current (``VmRSS``) or peak (``VmHWM``); on Linux only."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(what)), 0)


@contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    """Add the time that the block takes to an entry, in ms."""
    start = time.perf_counter()
    yield
    times[name] = times.get(name, 0.0) + 1000 * (time.perf_counter() - start)
