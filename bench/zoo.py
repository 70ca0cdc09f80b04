"""Run torchvision and timm models, and recurrent and attention layers, on ONNX Runtime with random weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from bench import Missing, Row
from frformat.errors import EncodeError
from frformat.runtimes import export
from frformat.runtimes.onnxruntime import session
from frformat.torch import save_model

TORCHVISION: Final = (
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "resnet18",
    "efficientnet_b0",
)
TIMM: Final = (
    "vit_tiny_patch16_224",
    "deit_tiny_patch16_224",
    "convnext_atto",
    "mixer_s32_224",
    "edgenext_xx_small",
    "ghostnet_100",
    "levit_128s",
    "mobilevit_xxs",
)
TOLERANCE: Final = 1e-3
"""Maximum difference between outputs, as a fraction of the largest output."""

Make = Callable[[], nn.Module]


def run() -> Iterator[Row]:
    """Export each model with weights as initializers and as inputs, and compare the outputs for another batch size."""
    torch.manual_seed(0)
    equal = 0
    models = _models()
    for name, (make, shape) in models.items():
        row = _compare(name, _randomized(make()).eval(), shape)
        equal += row.met
        yield row
    yield Row("Models that compute the same outputs", f"{equal} of {len(models)}", "all", equal == len(models))


def _models() -> dict[str, tuple[Make, tuple[int, ...]]]:
    try:
        import timm
        import torchvision
    except ImportError as error:
        raise Missing("`pip install timm torchvision`") from error
    image = (3, 224, 224)
    found: dict[str, tuple[Make, tuple[int, ...]]] = {
        "LSTM": (lambda: _Recurrent(nn.LSTM), (12, 8)),
        "GRU": (lambda: _Recurrent(nn.GRU), (12, 8)),
        "MultiheadAttention": (_Attention, (12, 32)),
    }
    for name in TORCHVISION:
        found[f"torchvision {name}"] = (lambda name=name: torchvision.models.get_model(name), image)
    for name in TIMM:
        found[f"timm {name}"] = (lambda name=name: timm.create_model(name), image)
    return found


def _randomized(model: nn.Module) -> nn.Module:
    """Randomize matrices that are initialized with zeros, as in some classifiers, so that outputs reveal errors."""
    for weight in model.parameters():
        if weight.ndim > 1 and not weight.any():
            nn.init.normal_(weight, std=0.02)
    return model


class _Recurrent(nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.cells = kind(8, 16, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Classify sequences (n, steps, 8)."""
        out: Tensor = self.head(self.cells(x)[0])
        return out


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Apply attention to sequences (n, steps, 32)."""
        out: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return out


def _compare(name: str, model: nn.Module, shape: tuple[int, ...]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        skeleton, weights = Path(folder) / "model.onnx", Path(folder) / "model.frz"
        save_model(model, weights)
        x = torch.randn(3, *shape)
        with torch.inference_mode():
            expected = model(x).numpy()
        differences, sizes = [], []
        for as_inputs in (False, True):
            try:
                written = export(
                    model, skeleton, example=torch.randn(2, *shape), weights=weights, weights_as_inputs=as_inputs
                )
            except EncodeError as error:
                return Row(name, f"refused: {error}", "equal", False)
            running = session(skeleton, weights)
            found: Any = running.run(None, {running.get_inputs()[0].name: x.numpy()})[0]
            differences.append(float(np.abs(found - expected).max() / np.abs(expected).max()))
            sizes.append(written.bytes)
    rebuilt, inputs = differences
    figure = f"relative difference {rebuilt:.1e} (weights as inputs: {inputs:.1e}), skeleton {sizes[0]:,} bytes"
    return Row(name, figure, f"≤ {TOLERANCE}", max(differences) <= TOLERANCE)
