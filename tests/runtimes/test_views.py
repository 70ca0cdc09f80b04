"""Exports of models that keep views of their weights, or that depend on how weights are arranged in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.jit.mobile import _load_for_lite_interpreter

from frformat.runtimes import ExportError, export
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.torch import save_model

OUTER = nn.Parameter(torch.rand(3, 3), False)
TURNED = OUTER.t()

FORMATS = ("a.onnx", "a.ptl", "a.pt")


class Holder(nn.Module):
    """Has a weight, and something made of it."""

    def __init__(self, make: Callable[[Tensor], Any], forward: Callable[..., Tensor]) -> None:
        super().__init__()
        self.weight = OUTER
        self.made = make(self.weight)
        self.function = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


class Scripted(nn.Module):
    """Has a weight and a view of it, and can be scripted."""

    def __init__(self, persistent: bool | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3, 3), False)
        if persistent is None:
            self.made = self.weight[:2]
        else:
            self.register_buffer("made", self.weight[:2], persistent=persistent)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.made.sum()


class Unused(nn.Module):
    """Has a view of its weight that forward does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3, 3), False)
        self.made = self.weight[:2]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def needs(name: str) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnxscript")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "model",
    [
        Holder(lambda weight: weight[:2], lambda self, x: x @ self.weight + self.made.sum()),
        Holder(lambda weight: [weight[:2], 1], lambda self, x: x @ self.weight + self.made[0].sum()),
        Holder(lambda weight: weight.view(9)[4:], lambda self, x: x @ self.weight + self.made.sum()),
        Holder(lambda weight: None, lambda self, x: x @ self.weight + x @ TURNED),
        Scripted(None),
        Scripted(False),
    ],
    ids=["attribute", "list", "reshaped", "closure", "scripted", "buffer"],
)
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_views_of_weights_are_refused(model: nn.Module, name: str, tmp_path: Path):
    needs(name)
    with pytest.raises(ExportError, match="cannot be exported without its weights: it uses a view of weight, of shape"):
        export(model, tmp_path / name, example=torch.rand(2, 3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_views_that_are_not_used_do_no_harm(name: str, tmp_path: Path):
    needs(name)
    agree(Unused(), torch.rand(2, 3), tmp_path / name)


@pytest.mark.parametrize("name", FORMATS)
def test_views_that_are_weights_themselves(name: str, tmp_path: Path):
    needs(name)
    agree(Scripted(True), torch.rand(2, 3), tmp_path / name)


def test_the_whole_weight_under_another_name(tmp_path: Path):
    needs("a.onnx")
    agree(Holder(lambda weight: weight.detach(), lambda self, x: x @ self.made), torch.rand(2, 3), tmp_path / "a.onnx")


def test_complete_models_keep_views(tmp_path: Path):
    needs("a.onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, x = Holder(lambda weight: weight[:2], lambda self, x: x @ self.weight + self.made.sum()), torch.rand(2, 3)
    export(model, tmp_path / "a.onnx", example=x, with_weights=True)
    (found,) = onnxruntime.InferenceSession(tmp_path / "a.onnx").run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), model(x))


class Strided(nn.Module):
    """Arranges the elements of a weight anew."""

    def __init__(self, weight: Tensor, forward: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, False)
        self.function = forward

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.function(self.weight)


@pytest.mark.parametrize("name", FORMATS)
def test_strides_of_weights(name: str, tmp_path: Path):
    needs(name)
    refused = "calls as_strided"
    with pytest.raises(ExportError, match=refused):
        export(
            Strided(torch.rand(3, 4).t(), lambda weight: weight.as_strided((3, 4), (4, 1))),
            tmp_path / name,
            example=torch.rand(2, 3),
        )
    agree(
        Strided(torch.rand(4, 3), lambda weight: weight.as_strided((3, 4), (1, 3))), torch.rand(2, 3), tmp_path / name
    )
    for forward in (
        lambda weight: weight.t().as_strided((3, 4), (4, 1)),
        lambda weight: weight[1:].as_strided((3, 3), (3, 1), 0),
    ):
        model = Strided(torch.rand(4, 3), forward)
        if name.endswith(".onnx"):
            with pytest.raises(ExportError, match=refused):
                export(model, tmp_path / name, example=torch.rand(2, 3))
        else:
            agree(model, torch.rand(2, 3), tmp_path / name)


def agree(model: nn.Module, x: Tensor, path: Path) -> None:
    """Check that a skeleton computes the same as the model with other weights than it was exported with."""
    export(model, path, example=x)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.rand(weight.shape))
    save_model(model, path.with_suffix(".frz"))
    if path.suffix == ".onnx":
        from frformat.runtimes.onnxruntime import session

        found = torch.from_numpy(session(path, path.with_suffix(".frz")).run(None, {"x": x.numpy()})[0])
    else:
        weights = {key: weight.contiguous() for key, weight in model.state_dict().items()}
        with quietly():
            made: Any
            if path.suffix == ".pt":
                made = torch.jit.load(path)
                made.load_weights(weights)
            else:
                made = _load_for_lite_interpreter(str(path))
                made.run_method("load_weights", weights)
        found = made(x)
    torch.testing.assert_close(found, model(x))
