"""Writing parity reports."""

from __future__ import annotations

import base64
import json
import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.format.atomic import replacing
from frformat.parity.report import FORMAT, VERSION, checksum


def describe(values: NDArray[Any], *, embed: bool = False) -> dict[str, Any]:
    """What a report says of an output.

    Args:
        values: its elements, which are converted to float32.
        embed: put the elements themselves into the report.
    """
    values = np.asarray(values, np.float32, order="C")
    finite = values[np.isfinite(values)]
    out: dict[str, Any] = {"shape": list(values.shape), "crc32": checksum(values)}
    if finite.size:
        out |= {"min": float(finite.min()), "max": float(finite.max()), "mean": float(finite.mean(dtype=np.float64))}
    out["nonfinite"] = values.size - finite.size
    if values.ndim >= 2 and values.size and not out["nonfinite"]:
        out["classes"] = {"axis": 1, "runs": runs(values.argmax(1))}
    if embed:
        out["values"] = {"encoding": "base64-f32", "data": base64.b64encode(values.astype("<f4").tobytes()).decode()}
    return out


def runs(classes: NDArray[np.integer[Any]]) -> list[int]:
    """A map of classes as ``class, length, …``."""
    flat = classes.reshape(-1)
    starts = np.flatnonzero(np.r_[flat.size > 0, flat[1:] != flat[:-1]])
    return np.stack([flat[starts], np.diff(np.r_[starts, flat.size])], 1).reshape(-1).tolist()


def file_facts(path: str) -> dict[str, Any]:
    """What a report says of a file that was loaded."""
    with open(path, "rb") as file:
        data = file.read()
    return {"file": os.path.basename(path), "bytes": len(data), "crc32": f"{zlib.crc32(data):08x}"}


def write_report(path: str, facts: dict[str, Any]) -> None:
    """Write a report of these members; format and version are added."""
    with replacing(path) as file:
        file.write(json.dumps({"format": FORMAT, "version": VERSION, **facts}, indent=1, allow_nan=False).encode())
