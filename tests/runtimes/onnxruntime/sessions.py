"""Helpers for sessions of exported models. Importing this module requires the packages of the extra ``onnx``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from frformat.runtimes import LengthError, export
from frformat.torch import save_model


class Mixed(nn.Module):
    """Has tied weights, several dtypes, buffers outside the state dict, unused parameters, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(5)
        self.embed = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight
        self.spare = nn.Linear(2, 2)
        self.thin = nn.Parameter(torch.randn(5, dtype=torch.float16))
        self.register_buffer("shift", torch.tensor([1, -2, 300, 4, 5], dtype=torch.int16))
        self.register_buffer("scratch", torch.arange(5.0), persistent=False)
        with torch.no_grad():
            self.norm.running_mean.normal_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.relu(self.norm(self.conv(x))).mean((2, 3)) + self.scratch
        z = self.head(self.embed(y.argmax(1)))
        return z * self.thin.float() + self.shift, y


def run(made: Any, *inputs: Tensor) -> list[np.ndarray]:
    """Run a session on some inputs."""
    names = [each.name for each in made.get_inputs()]
    found: list[np.ndarray] = made.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))
    return found


def agree(model: nn.Module, made: Any, *inputs: Tensor, slack: float = 2e-5) -> None:
    """Check that a session and PyTorch return the same outputs, within a fraction of the largest element."""
    with torch.no_grad():
        expected = model.eval()(*inputs)
    outputs = run(made, *inputs)
    for found, wanted in zip(outputs, [expected] if isinstance(expected, Tensor) else expected, strict=True):
        assert found.dtype == wanted.numpy().dtype
        np.testing.assert_allclose(found, wanted, rtol=0, atol=slack * float(wanted.abs().max()))


def exported(model: nn.Module, folder: Path, *example: Any, **options: Any) -> Path:
    """Return the path of a skeleton in a folder that also contains ``model.frz``."""
    save_model(model, folder / "model.frz")
    export(model, folder / "model.onnx", example=example, weights=folder / "model.frz", **options)
    return folder / "model.onnx"


def valid(model: nn.Module, made: Any, inputs: Sequence[tuple[Tensor, ...]]) -> list[int]:
    """Return the indices of the inputs on which a session runs, and check that it computes the same as the model."""
    found = []
    for i, each in enumerate(inputs):
        try:
            run(made, *each)
        except LengthError:
            continue
        agree(model, made, *each)
        found.append(i)
    return found


def assert_valid(found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Check for which lengths a session runs. Old versions of PyTorch exclude more lengths, but allow some."""
    if torch.__version__ < "2.15":
        assert found
        assert set(found) <= set(expected)
    else:
        assert list(found) == list(expected)
