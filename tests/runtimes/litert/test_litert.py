"""Models exported for LiteRT, which must be installed. The other tests are in ``tests/runtimes/template``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from frformat.runtimes import ExportError, export
from tests.runtimes.template import lenet5

pytest.importorskip("litert_torch")
interpreter = pytest.importorskip("ai_edge_litert.interpreter")


@pytest.mark.parametrize("factored", [False, True])
def test_filled_templates_are_complete_and_run(tmp_path: Path, factored: bool):
    lenet5.check(tmp_path / "a.tflite", run, factored)


def test_functions_of_weights_that_the_exporter_computes_are_refused(tmp_path: Path):
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.randn(5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.scale.abs() + self.scale

    with pytest.raises(ExportError, match=r"depends? on the weights|changes scale"):
        export(Scaled(), tmp_path / "a.tflite.frt", example=torch.randn(1, 5))


def run(model: bytes, example: torch.Tensor) -> np.ndarray:
    session = interpreter.Interpreter(model_content=model)
    session.allocate_tensors()
    session.set_tensor(session.get_input_details()[0]["index"], example.numpy())
    session.invoke()
    found: np.ndarray = session.get_tensor(session.get_output_details()[0]["index"])
    return found
