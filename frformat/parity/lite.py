"""Make parity reports with the lite interpreter of the installed PyTorch.

    python -m frformat.parity.lite report SKELETON.ptl MODEL.frz INPUTS -o REPORT.json

Like an app, this runner decodes each tensor, or its coefficients, hands it over, and frees it.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.jit.mobile import _load_for_lite_interpreter

import frformat
from frformat import FrzFile
from frformat.checkpoints.torch_tensors import to_torch
from frformat.parity import writing
from frformat.parity.npy import read_array
from frformat.parity.report import LoadedFile, checksum
from frformat.parity.writing import Json
from frformat.runtimes.pytorch_mobile.probe import OUTPUT
from frformat.runtimes.pytorch_mobile.quiet import quietly


def main(arguments: list[str]) -> None:
    """Make a report."""
    parser = argparse.ArgumentParser(prog="frformat.parity.lite", description="Make a parity report.")
    parser.add_argument("command", choices=["report"])
    for name in ("skeleton", "weights", "inputs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    before, times = resident("VmRSS"), dict[str, float]()
    module = load(given.skeleton, given.weights, times)
    loaded = resident("VmRSS")
    inputs = [_run(module, path, given.output.parent, times) for path in sorted(given.inputs.glob("*.npy"))]
    writing.write_report(
        given.output,
        producer={"name": "frformat.parity.lite", "version": frformat.__version__},
        device={"os": platform.system(), "abi": platform.machine(), "cores": os.cpu_count()},
        runtime={"name": "lite interpreter", "version": torch.__version__, "threads": torch.get_num_threads()},
        model={"skeleton": vars(LoadedFile.of(given.skeleton)), "weights": vars(LoadedFile.of(given.weights))},
        load=times,
        memory={"before": before, "loaded": loaded, "peak": resident("VmHWM")},
        inputs=inputs,
    )


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
        raise SystemExit(f"{weights} lacks weights of the model: {', '.join(missing)}")
    return module


def _coefficients(file: FrzFile, name: str, spectrum: list[int]) -> Any:
    """Return the coefficients of a tensor, after checking the shape of its spectrum."""
    info = file.info(name)
    stored = f"in a spectrum of {list(info.view or info.shape)}" if info.spectral else "without a spectrum"
    if stored != f"in a spectrum of {spectrum}":
        raise SystemExit(
            f"the skeleton expects the coefficients of {name} in a spectrum of {spectrum}, but the file stores it "
            f"{stored}; export the skeleton again with this file"
        )
    return file.spectrum(name).coefficients


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


def _run(module: Any, path: Path, folder: Path, load: dict[str, float]) -> Json:
    """Return the report's member for one input."""
    values = read_array(os.fspath(path))
    facts: Json = {"name": path.stem, "shape": list(values.shape), "crc32": checksum(values)}
    times: dict[str, float] = {}
    try:
        with torch.inference_mode():
            if "first_forward" not in load:
                with timed(load, "first_forward"):
                    module(torch.from_numpy(values))
            with timed(times, "forward"):
                found = module(torch.from_numpy(values))
    except (RuntimeError, torch.jit.Error) as error:
        return facts | {"error": str(error).splitlines()[0][:1000]}
    layers = found if isinstance(found, dict) else {OUTPUT: found}
    output = _floats(layers.pop(OUTPUT))
    file = f"{path.stem}.out.npy"
    np.save(folder / file, output)
    facts |= {"ms": [times["forward"]]}
    facts["output"] = writing.describe(output) | {"values": {"encoding": "npy", "file": file}}
    if layers:
        facts["layers"] = [{"name": k} | writing.describe(_floats(v), embed=True) for k, v in sorted(layers.items())]
    return facts


def _floats(tensor: Tensor) -> Any:
    return tensor.to(torch.float32).contiguous().numpy()


if __name__ == "__main__":
    main(sys.argv[1:])
