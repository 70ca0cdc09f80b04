"""Reports of the benchmark suite for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def document(speedup: float = 4.0, error: float = 1e-6) -> dict[str, Any]:
    """Return a report on one network and one runtime that also contains the results of every other test."""
    measured = {
        "file_bytes": 4000, "load_ms": 2.0, "first_ms": 9.0, "median_ms": 8.0, "p90_ms": 8.5, "runs": 7,
        "native_bytes": 30 << 20, "heap_bytes": 1 << 20, "error": 1e-7, "tolerance": 1e-4, "score": 0.95,
    }  # fmt: skip
    ratios = {"speedup": speedup, "bytes_ratio": 40.0, "memory_ratio": 3.0, "score_share": 1.0, "counts": True}
    factored = measured | {"name": "factored", "file_bytes": 100, "median_ms": 2.0, "error": error}
    return {
        "format": "frz-suite-report",
        "version": 1,
        "created": "2026-11-27T08:00:00Z",
        "producer": {"name": "frz-host", "version": "0.1.0"},
        "device": {"os": "Linux", "cores": 2},
        "threads": 1,
        "short": False,
        "seconds": 12.5,
        "runtimes": [{"name": "onnxruntime", "version": "1.20.0"}],
        "missing_runtimes": [],
        "scores": [
            {
                "runtime": "onnxruntime",
                "speedup": speedup,
                "bytes_ratio": 40.0,
                "memory_ratio": 3.0,
                "counted": ["lenet5"],
                "excluded": [{"network": "vae", "reason": "it failed: <b>no memory</b>"}],
            }
        ],
        "networks": [
            {
                "network": "lenet5",
                "title": "LeNet-5",
                "task": "classification",
                "metric": "accuracy",
                "runtime": "onnxruntime",
                "input": [1, 28, 28],
                "inputs": 200,
                "scored": "factored",
                "variants": [measured | {"name": "dense"}, factored | {"against_dense": ratios}],
                "temperature": 41.5,
                "thermal_status": "light",
                "thermal_headroom": 0.75,
            }
        ],
        "learning": {
            "examples": 400, "file_bytes": 1280, "load_ms": 1.0, "learn_ms": 0.1, "solve_ms": 5.0, "first_ms": 0.05,
            "median_ms": 0.02, "p90_ms": 0.03, "error": 0.0, "tolerance": 1e-3, "score": 0.92, "temperature": 39.0,
        },
        "sharing": [
            {
                "runtime": "onnxruntime",
                "memory_budget": 1 << 20,
                "capacity": 1.5,
                "apps": [
                    {
                        "network": name, "variant": "factored", "share": 0.5, "goal_fps": 30.0, "scheduled_fps": 29.0,
                        "dense_fps": 14.0,
                    }
                    for name in ("lenet5", "srcnn")
                ],
            }
        ],
        "memory": [
            {
                "runtime": "onnxruntime",
                "limit": 512 << 20,
                "pixel_ratio": 4.5,
                "series": [
                    {"variant": name, "steps": [{"height": 112, "width": 160, "peak": 100 << 20}]}
                    for name in ("dense", "factored")
                ],
            }
        ],
    }  # fmt: skip


def write(path: Path, **changes: float) -> Path:
    """Write a report to a file."""
    path.write_text(json.dumps(document(**changes)))
    return path
