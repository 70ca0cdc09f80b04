"""Files other than checkpoints, to be damaged: inputs, reports, pictures, and the state of a training run."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from frformat.parity.inputs import Input
from frformat.parity.report import checksum, read_report
from frformat.train import checkpoint
from frformat.train.data import pictures
from frformat.train.recipes import RECIPES
from tests.fuzz.kinds import Kind, saved
from tests.fuzz.mutations import damaged

SOURCES = {"data": [[3, 2, "torch.float32", 1]], "teacher": None, "weights": False}


def other_kinds() -> dict[str, Kind]:
    """Return one small file of each kind."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (12, 9, 3)).astype(np.uint8))
    inputs = saved(lambda file: np.save(file, rng.standard_normal((1, 3, 4)).astype(np.float32)))
    classes = saved(lambda file: np.save(file, np.arange(6).reshape(2, 3)))
    png, jpeg = (saved(lambda file, kind=kind: image.save(file, kind)) for kind in ("PNG", "JPEG"))
    return {
        "input": Kind(inputs, damaged, lambda path: Input("x", str(_as(path, ".npy")), None).values()),
        "truth": Kind(classes, damaged, lambda path: Input("x", "", str(_as(path, ".npy"))).classes((2, 3))),
        "input png": Kind(png, damaged, lambda path: Input("x", str(path), None).values()),
        "input jpeg": Kind(jpeg, damaged, lambda path: Input("x", str(path), None).values()),
        "png": Kind(png, damaged, lambda path: pictures.read(path, "RGB", name=str(path))),
        "jpeg": Kind(jpeg, damaged, lambda path: pictures.read(path, "L", name=str(path))),
        "report": Kind(_report(), damaged, _read_report),
        "run": Kind(_run(), damaged, lambda path: checkpoint.load(path, RECIPES["digits"](), SOURCES)),
    }


def _as(path: Path, suffix: str) -> Path:
    """Rename a file so that its name shows its kind; the new name begins with the old one."""
    other = path.with_name(path.name + suffix)
    other.write_bytes(path.read_bytes())
    return other


def _report() -> bytes:
    values = np.ones((1, 2), np.float32)
    output = {
        "shape": [1, 2],
        "crc32": checksum(values),
        "values": {"encoding": "base64-f32", "data": base64.b64encode(values.tobytes()).decode()},
        "classes": {"axis": 1, "runs": [0, 1]},
    }
    sample = {"name": "a", "shape": [1, 3], "crc32": "00000000", "ms": [1.0], "output": output}
    model = {"skeleton": {"file": "a", "bytes": 3, "crc32": "00000000"}}
    return json.dumps({"format": "frz-parity-report", "version": 1, "model": model, "inputs": [sample]}).encode()


def _read_report(path: Path) -> None:
    for sample in read_report(str(path)).inputs.values():
        if sample.output is not None:
            sample.output.array()
            sample.output.classes()


def _run() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        checkpoint.save(path, RECIPES["digits"](), SOURCES, {"weights": {"a": torch.ones(3)}, "step": 7})
        return path.read_bytes()
