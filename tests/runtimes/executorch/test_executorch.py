"""Models exported for ExecuTorch, which must be installed. Tests without it are in ``tests/runtimes/template``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.runtimes.template import lenet5

pytest.importorskip("executorch")
runtime = pytest.importorskip("executorch.runtime")


def test_filled_templates_are_complete_and_run(tmp_path: Path):
    lenet5.check(tmp_path / "a.pte", run)


def run(model: bytes, example: torch.Tensor) -> np.ndarray:
    method = runtime.Runtime.get().load_program(model).load_method("forward")
    found: np.ndarray = method.execute([example])[0].numpy()
    return found
