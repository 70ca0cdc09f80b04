"""Reports of simulated phones."""

from __future__ import annotations

from typing import Any

import numpy as np

from frformat.parity.report import FORMAT, VERSION, checksum
from frformat.parity.writing import describe


def document(outputs: dict[str, np.ndarray], inputs: dict[str, np.ndarray], **more: Any) -> dict[str, Any]:
    """Return a complete report that contains the elements of all outputs."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "device": {"model": "Pixel <b>", "api_level": 34},
        "runtime": {"name": "pytorch_android_lite", "version": "1.12.2", "threads": 4},
        "model": {"skeleton": {"file": "m.ptl", "bytes": 3, "crc32": "00000000"}},
        "load": {"total": 12.5},
        "memory": {"peak": 5 << 20},
        "inputs": [
            {
                "name": name,
                "shape": list(inputs[name].shape),
                "crc32": checksum(inputs[name]),
                "ms": [3.0, 1.0, 2.0],
                "output": describe(values, embed=True),
            }
            for name, values in outputs.items()
        ],
    } | more
