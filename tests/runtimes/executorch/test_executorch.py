"""Models exported for ExecuTorch, which must be installed. Tests without it are in ``tests/runtimes/template``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from frformat.runtimes import export
from frformat.runtimes.template import fill
from frformat.torch import load_model
from frformat.train.models import LeNet5

pytest.importorskip("executorch")
runtime = pytest.importorskip("executorch.runtime")
TRAINED = Path(__file__).parents[3] / "examples" / "lenet5.frz"


def test_filled_templates_are_complete_and_run(tmp_path: Path):
    net = LeNet5().eval()
    load_model(net, TRAINED)
    example = torch.randn(1, 1, 28, 28)
    written = export(net, tmp_path / "a.pte.frt", example=example, weights=TRAINED)
    assert written.bytes < 2000
    export(net, tmp_path / "a.pte", example=example, with_weights=True)
    filled = fill(tmp_path / "a.pte.frt", TRAINED)
    assert filled == (tmp_path / "a.pte").read_bytes()
    with torch.no_grad():
        expected = net(example).numpy()
    np.testing.assert_allclose(run(bytes(filled), example), expected, rtol=0, atol=1e-4)


def run(model: bytes, example: torch.Tensor) -> np.ndarray:
    method = runtime.Runtime.get().load_program(model).load_method("forward")
    found: np.ndarray = method.execute([example])[0].numpy()
    return found
