"""Models exported for LiteRT, which must be installed. Tests without it are in ``tests/runtimes/template``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from frformat.runtimes import export
from frformat.runtimes.template import fill
from frformat.torch import load_model
from frformat.train.models import LeNet5

pytest.importorskip("litert_torch")
interpreter = pytest.importorskip("ai_edge_litert.interpreter")
TRAINED = Path(__file__).parents[3] / "examples" / "lenet5.frz"


def test_filled_templates_are_complete_and_run(tmp_path: Path):
    net = LeNet5().eval()
    load_model(net, TRAINED)
    example = torch.randn(1, 1, 28, 28)
    written = export(net, tmp_path / "a.tflite.frt", example=example, weights=TRAINED)
    assert written.bytes < 2000
    export(net, tmp_path / "a.tflite", example=example, with_weights=True)
    filled = fill(tmp_path / "a.tflite.frt", TRAINED)
    assert filled == (tmp_path / "a.tflite").read_bytes()
    with torch.no_grad():
        expected = net(example).numpy()
    np.testing.assert_allclose(run(bytes(filled), example), expected, rtol=0, atol=1e-4)


def run(model: bytes, example: torch.Tensor) -> np.ndarray:
    session = interpreter.Interpreter(model_content=model)
    session.allocate_tensors()
    session.set_tensor(session.get_input_details()[0]["index"], example.numpy())
    session.invoke()
    found: np.ndarray = session.get_tensor(session.get_output_details()[0]["index"])
    return found
