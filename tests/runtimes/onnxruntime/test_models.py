"""Sessions of models whose code uses weights in unusual ways compute what PyTorch computes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frformat.errors import EncodeError
from frformat.runtimes import ExportError, LengthError, export
from frformat.runtimes.onnxruntime import session, writing
from frformat.torch import compress, load_quantized, save_model
from tests.runtimes.onnxruntime.sessions import agree, exported, run


class Model(nn.Module):
    """Has a method of a test as its forward method."""

    def __init__(self, forward: Callable[..., Any], **weights: Any) -> None:
        super().__init__()
        self.function = forward
        for name, value in weights.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape))


def copies() -> Model:
    """Return a model with parameters that share memory."""
    one = parameter(3, 3)
    other = nn.Parameter(one.data)
    return Model(lambda self, x: (x @ self.one, torch.relu(x) @ self.other), one=one, other=other)


def listed() -> Model:
    """Return a model that reaches its weights through a list, and through a function that refers to them."""
    layer, spare, outer = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self: Any, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x @ self.list[0] @ self.list[1] @ outer.weight)
        return result

    return Model(forward, layer=layer, spare=spare, outer=outer, list=[layer.weight, spare.weight])


def kept() -> Model:
    """Return a model that keeps its last output, with gradients."""

    def forward(self: Any, x: Tensor) -> Tensor:
        self.last = [self.layer(x)]
        result: Tensor = self.last[0]
        return result

    return Model(forward, layer=nn.Linear(3, 3))


def hooked() -> Model:
    """Return a model that computes a weight in a hook and keeps it, as ``torch.nn.utils.weight_norm`` does."""
    model = Model(lambda self, x: x @ self.weight, g=parameter(3, 1), v=parameter(3, 3))
    model.weight = model.g * model.v
    model.register_forward_pre_hook(lambda module, _: setattr(module, "weight", module.g * module.v))
    return model


def count(self: Any, x: Tensor) -> Tensor:
    self.state.mul_(0.5).add_(x.mean(0))
    return self.state + 0


def strided(self: Any, x: Tensor) -> Tensor:
    return x @ (self.weight if self.weight.is_contiguous() else -self.weight)


def constant(self: Any, x: Tensor) -> Tensor:
    return x @ self.t.t()


def complex_numbers(self: Any, x: Tensor) -> Tensor:
    return torch.view_as_real(torch.view_as_complex(self.weight) * x).flatten(1)


def state() -> Model:
    model = Model(count)
    model.register_buffer("state", torch.rand(3))
    return model


@pytest.mark.parametrize("weights_as_inputs", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        copies(),
        listed(),
        Model(lambda self, x: x @ self.weight.view(-1)[:6].view(3, 2), weight=parameter(3, 4)),
        Model(strided, weight=parameter(3, 3)),
        Model(complex_numbers, weight=parameter(3, 2)),
        Model(constant, t=torch.rand(3, 3), layer=nn.Linear(3, 3)),
        Model(lambda self, x: torch.cat([x, self.empty]) * self.scale, empty=parameter(0, 3), scale=parameter()),
        Model(lambda self, x: torch.cat([x, x @ self.empty], 1), empty=parameter(3, 0)),
        hooked(),
        state(),
    ],
    ids=["copies", "listed", "view", "strides", "complex", "constant", "no rows", "no columns", "hooked", "state"],
)  # fmt: skip
def test_unusual_uses_of_weights(
    model: nn.Module, weights_as_inputs: bool, tmp_path: Path, request: pytest.FixtureRequest
):
    if "hooked" in request.node.callspec.id and torch.__version__ < "2.15":
        pytest.skip("old versions of PyTorch refuse to trace models that assign tensors, instead of buffers, in a run")
    x = torch.rand(2, 3)
    skeleton = exported(model, tmp_path, x, weights_as_inputs=weights_as_inputs)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1)
    save_model(model, tmp_path / "model.frz")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    agree(model, session(skeleton, tmp_path / "model.frz"), x)
    model.load_state_dict(before)


class Structured(nn.Linear):
    """Has inputs of several types."""

    def forward(self, x: Tensor, factor: float, times: int, nothing: None, more: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(x * factor * times) + more["a"] - more["b"]


def test_inputs_of_any_structure(tmp_path: Path):
    model, inputs = Structured(3, 3), [torch.rand(2, 3) for _ in range(3)]
    more = {"a": inputs[1], "b": inputs[2]}
    made = session(exported(model, tmp_path, inputs[0], 0.5, 3, None, more), tmp_path / "model.frz")
    found = made.run(None, {each.name: x.numpy() for each, x in zip(made.get_inputs(), inputs, strict=True)})
    with torch.no_grad():
        np.testing.assert_allclose(found[0], model(inputs[0], 0.5, 3, None, more), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: x * float(x.shape[0]) ** 0.5,
        lambda self, x: torch.stack([x[i] * i for i in range(len(x))]),
        lambda self, x: self.layer(x) if x.shape[0] == 2 else x,
    ],
)
def test_lengths_that_the_code_fixes(forward: Callable[..., Any], tmp_path: Path):
    model, x = Model(forward, layer=nn.Linear(3, 3)), torch.rand(2, 3)
    made = session(exported(model, tmp_path, x), tmp_path / "model.frz")
    agree(model, made, x)
    with pytest.raises(LengthError, match=r"x has shape \[4, 3\], but this model requires x.shape\[0\] == 2"):
        run(made, torch.rand(4, 3))


def test_graphs_that_the_optimizer_does_not_support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def simplify(*_: Any) -> None:
        raise RuntimeError("no rule")

    monkeypatch.setattr(writing, "simplify", simplify)
    with pytest.raises(ExportError, match="to ONNX: RuntimeError: no rule; dynamic=False may help"):
        exported(nn.Linear(3, 3), tmp_path, torch.rand(4, 3))


@pytest.mark.parametrize("options", [{}, {"weights_as_inputs": True}, {"with_weights": True}])
@pytest.mark.parametrize(
    ("forward", "fault"),
    [
        (
            lambda self, x: self.layer(x).repeat_interleave(x.shape[0], 0),
            r"shape \[2, 3\] instead of \[4, 3\]",
        ),
        (lambda self, x: self.layer(x) * len(f"{x.shape[0]}"), "other numbers"),
        (lambda self, x: self.layer(x).argmax(1) + len(f"{x.shape[0]}"), "other numbers"),
    ],
)
def test_models_that_are_translated_wrongly(
    forward: Callable[..., Any], fault: str, options: dict[str, Any], tmp_path: Path
):
    with pytest.raises(ExportError, match=f"with the example, ONNX Runtime returns {fault}; PyTorch's exporter"):
        export(Model(forward, layer=nn.Linear(3, 3)), tmp_path / "a.onnx", example=torch.rand(2, 3), **options)


def test_random_numbers_replace_an_example_of_zeros(tmp_path: Path):
    """Zeros hide most mistakes; the command line uses them as the example."""
    model = Model(lambda self, x: x * self.layer.weight.sum() * len(f"{x.shape[0]}"), layer=nn.Linear(3, 3))
    with pytest.raises(ExportError, match="returns other numbers"):
        export(model, tmp_path / "a.onnx", example=torch.zeros(2, 3))
    only_0_is_valid = export(nn.Embedding(1, 3), tmp_path / "a.onnx", example=torch.zeros(2, dtype=torch.int64))
    assert only_0_is_valid.unchecked == ""


class Centered(nn.Module):
    """Returns sums of terms that cancel each other, apart from rounding errors."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.layers(x).sum(-1)
        return y, y > 0


class Wrong(Centered):
    """The same, but its trace adds a small number to the sums."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, above = super().forward(x)
        return y + len(f"{x.shape[0]}") / 1000, above


def test_results_that_are_0_apart_from_rounding_errors(tmp_path: Path):
    x = torch.rand(50, 64)
    assert exported(Centered(), tmp_path, x)
    with pytest.raises(ExportError, match="returns other numbers"):
        exported(Wrong(), tmp_path, x)


def test_models_with_random_results(tmp_path: Path):
    model = Model(lambda self, x: self.layer(x) + torch.rand_like(x) * 100, layer=nn.Linear(3, 3))
    made = session(exported(model, tmp_path, torch.rand(2, 3)), tmp_path / "model.frz")
    assert run(made, torch.rand(4, 3))[0].shape == (4, 3)
    assert export(model, tmp_path / "a.onnx", example=torch.rand(2, 3)).unchecked == "the results are random"


def test_whether_results_were_compared(tmp_path: Path):
    linear = nn.Linear(3, 3)
    assert export(linear, tmp_path / "a.onnx", example=torch.rand(2, 3)).unchecked == ""
    infinite = export(
        Model(lambda self, x: self.layer(x) / 0, layer=linear), tmp_path / "a.onnx", example=torch.rand(2, 3)
    )
    assert infinite.unchecked == "all results for the example are infinite or not a number"
    empty = nn.Linear(3, 3, device="meta")
    assert export(empty, tmp_path / "a.onnx", example=torch.rand(2, 3)).unchecked == "the model has no weights"


def only_traced(self: Any, x: Tensor) -> Tensor:
    if not torch.compiler.is_exporting():
        raise ValueError("this code is only for the exporter")
    result: Tensor = self.layer(x)
    return result


def test_models_that_cannot_run_on_their_example(tmp_path: Path):
    model = Model(only_traced, layer=nn.Linear(3, 3))
    with pytest.raises(ExportError, match="Model cannot run on the example: ValueError: this code is only for the exp"):
        export(model, tmp_path / "a.onnx", example=torch.rand(2, 3))


def test_comparing_does_not_change_the_model(tmp_path: Path):
    model = state()
    before = model.state.clone()
    export(model, tmp_path / "a.onnx", example=torch.rand(2, 3), with_weights=True)
    assert torch.equal(model.state, before)


def test_models_that_cannot_be_copied(tmp_path: Path):
    model, x = kept(), torch.rand(2, 3)
    model(x)
    with pytest.raises(EncodeError, match="Model cannot be copied: RuntimeError: Only Tensors created explicitly"):
        exported(model, tmp_path, x)


def test_a_quantized_model_becomes_the_skeleton_of_the_plain_one(tmp_path: Path):
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    x = torch.randn(1, 1, 8, 8)
    compress(plain, tmp_path / "small.frz", quality=6)
    tuned = load_quantized(copy.deepcopy(plain), tmp_path / "small.frz")
    path = exported(tuned, tmp_path, x)
    save_model(tuned, tmp_path / "tuned.frz")
    agree(tuned, session(path, tmp_path / "tuned.frz"), x)
    assert "weight" in dict(tuned[0].parametrizations)
