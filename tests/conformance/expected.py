"""Compare tensors with ``spec/vectors/vectors.json`` (see ``spec/vectors/README.md``)."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from tests.vectors.appendix import FOLDER

Array = NDArray[Any]
Entry = dict[str, Any]


def read_index() -> dict[str, Any]:
    """Return all of ``vectors.json``."""
    with open(os.path.join(FOLDER, "vectors.json"), encoding="ascii") as file:
        return json.load(file)


INDEX: Final = read_index()
VALID: Final[list[Entry]] = INDEX["valid"]
GENERATED: Final[list[Entry]] = INDEX["generated"]
FAULTY: Final[list[Entry]] = INDEX["faulty"]


def path_of(entry: Entry) -> str:
    """Return the path of the entry's file."""
    return os.path.join(FOLDER, entry["file"])


def base_of(entry: Entry) -> str | None:
    """Return the path of the entry's base, or None if it has none."""
    return os.path.join(FOLDER, entry["base"]) if "base" in entry else None


def bytes_of(entry: Entry) -> bytes:
    """Return the bytes of the entry's file, after checking that the entry was made for them."""
    with open(path_of(entry), "rb") as file:
        data = file.read()
    assert len(data) == entry["bytes"]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    return data


def check_weights(weights: Array, dtype: str, expected: Entry) -> None:
    """Compare rebuilt weights, in row-major order, with the entry's reference."""
    assert weights.dtype == DTYPES[dtype]
    found = weights.reshape(-1)
    slack = 1e-6 * expected.get("scale", expected["max"]) + 2.0**-126
    indices = [i for i, _ in expected["sample"]]
    wanted = np.array([w for _, w in expected["sample"]])
    with np.errstate(over="ignore"):
        low, high = ((wanted + sign * slack).astype(DTYPES[dtype]) for sign in (-1, 1))
    assert (low <= found[indices]).all()
    assert (found[indices] <= high).all()
    if np.isfinite(found.astype(np.float64)).all():
        rounding = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24, "f64": 2.0**-53}[dtype]
        each = slack + rounding * expected["max"] + 2.0**-25
        assert abs(float(found.astype(np.float64).sum()) - expected["sum"]) <= each * max(found.size, 1)
        assert abs(float(np.abs(found.astype(np.float64)).max(initial=0)) - expected["max"]) <= each
    if expected["max"] == 0:
        assert not any(found.tobytes())
