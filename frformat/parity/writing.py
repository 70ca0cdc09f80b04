"""Write parity reports."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.format.atomic import replacing
from frformat.parity.report import FORMAT, VERSION, StrPath, checksum

Json = dict[str, Any]
"""An object in the document."""


def describe(values: NDArray[Any], *, embed: bool = False) -> Json:
    """Describe an output for a report.

    Args:
        values: its elements, which are converted to float32.
        embed: include the elements in the report.
    """
    values = np.asarray(values, np.float32, order="C")
    finite = values[np.isfinite(values)]
    out: Json = {"shape": list(values.shape), "crc32": checksum(values)}
    if finite.size:
        out |= {"min": float(finite.min()), "max": float(finite.max()), "mean": float(finite.mean(dtype=np.float64))}
    out["nonfinite"] = values.size - finite.size
    if values.ndim >= 2 and values.size and not out["nonfinite"]:
        out["classes"] = {"axis": 1, "runs": runs(values.argmax(1))}
    if embed:
        out["values"] = {"encoding": "base64-f32", "data": base64.b64encode(values.astype("<f4").tobytes()).decode()}
    return out


def runs(classes: NDArray[np.integer[Any]]) -> list[int]:
    """Encode a class map as ``class, length, …``."""
    flat = classes.reshape(-1)
    starts = np.flatnonzero(np.r_[flat.size > 0, flat[1:] != flat[:-1]])
    return np.stack([flat[starts], np.diff(np.r_[starts, flat.size])], 1).reshape(-1).tolist()


def write_report(path: StrPath, **members: Any) -> None:
    """Write a report with ``format``, ``version`` and these members, in the form that the specification defines."""
    with replacing(path) as file:
        file.write(json.dumps({"format": FORMAT, "version": VERSION, **members}, indent=1, allow_nan=False).encode())
