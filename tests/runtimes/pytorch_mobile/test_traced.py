"""Traced skeletons do not depend on the weights of the model that was traced."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.jit.mobile import _load_for_lite_interpreter

from frformat.runtimes import Export, ExportError, export
from frformat.runtimes.pytorch_mobile.quiet import quietly

X = torch.rand(2, 3)
FROZEN = nn.Linear(3, 3).requires_grad_(False)


class Model(nn.Module):
    """Has several weights, and computes a function of the model and the input, which TorchScript cannot compile."""

    def __init__(self, forward: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.function = forward
        self.matrix = nn.Parameter(torch.rand(3, 4))
        self.scale = nn.Parameter(torch.zeros(()))
        self.thin = nn.Parameter(torch.rand(3).to(torch.bfloat16))
        self.outer = FROZEN
        self.register_buffer("ready", torch.tensor(0))
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.register_buffer("order", torch.tensor([2, 0, 1]))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: x * float(self.scale),
        lambda self, x: x * self.scale if self.ready.item() == 0 else x,
        lambda self, x: x if self.scale == 0 else -x,
        lambda self, x: x if self.mask.any() and not self.mask.all() and self.mask[0] else -x,
        lambda self, x: x[:, self.order.tolist()],
        lambda self, x: x @ torch.as_tensor(self.matrix.detach().numpy() * 2),
        lambda self, x: x + sum(x for _ in range(int(self.ready) + 1)),
        lambda self, x: x @ FROZEN.weight + self.scale,
    ],
)
def test_decisions_that_depend_on_weights_are_refused(forward: Callable[[Any, Tensor], Any], tmp_path: Path):
    model = Model(forward)
    for name in ("a.pt", "a.ptl"):
        with pytest.raises(ExportError, match="Model cannot be traced without its weights: it makes decisions or con"):
            export(model, tmp_path / name, example=X)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: x @ self.matrix.view(-1)[:6].view(3, 2),
        lambda self, x: x @ (self.matrix if self.matrix.is_contiguous() else -self.matrix),
        lambda self, x: torch.view_as_complex(self.matrix.view(3, 2, 2)).abs() * self.scale,
        lambda self, x: x[:, self.order] * self.mask * self.thin.float(),
        lambda self, x: {"a": x[:, self.mask], "b": torch.where(self.scale > 0, x, -x)},
        lambda self, x: (self.outer(x), torch.randn(3).shape[0] * x),
    ],
)
@pytest.mark.parametrize("name", ["a.pt", "a.ptl"])
def test_skeletons_compute_the_same_with_other_weights(
    forward: Callable[[Any, Tensor], Any], name: str, tmp_path: Path
):
    model, other = Model(forward), Model(forward)
    written = export(model, tmp_path / name, example=X)
    assert written.traced
    other.load_state_dict({key: each.flip(0) if each.dim() else each + 1 for key, each in other.state_dict().items()})
    torch.testing.assert_close(loaded(written, other)(X), other(X))
    assert written.bytes < 20_000


def test_models_on_the_meta_device(tmp_path: Path):
    model = Model(lambda self, x: x @ self.matrix.view(-1)[:6].view(3, 2))
    written = export(copy.deepcopy(model).to("meta"), tmp_path / "a.ptl", example=X)
    torch.testing.assert_close(loaded(written, model)(X), model(X))


def loaded(written: Export, model: nn.Module) -> Any:
    """Load a skeleton, and pass it the weights of a model."""
    weights = dict(model.state_dict())
    with quietly():
        if written.path.endswith(".pt"):
            made = torch.jit.load(written.path)
            made.load_weights(weights)
        else:
            made = _load_for_lite_interpreter(written.path)
            made.run_method("load_weights", weights)
    return made


def test_names_that_are_not_ascii(tmp_path: Path):
    model = nn.Module()
    model.layers = nn.ModuleDict({"é": nn.Linear(3, 3), "ü ü": nn.Linear(3, 3)})
    model.forward = lambda x: model.layers["ü ü"](model.layers["é"](x))  # type: ignore[method-assign]
    with quietly():
        traced = torch.jit.trace(model, X)  # type: ignore[no-untyped-call]
    written = export(traced, tmp_path / "a.ptl", example=X)
    torch.testing.assert_close(loaded(written, model)(X), model(X))
    with pytest.raises(ExportError, match=r"TorchScript files do not support the name 'layers.é.weight'"):
        export(traced, tmp_path / "a.pt", example=X)
