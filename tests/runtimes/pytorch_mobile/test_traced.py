"""Traced skeletons do not depend on the weights of the model that was traced."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.jit.mobile import _load_for_lite_interpreter

from frformat.runtimes import Export, ExportError, export
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.runtimes.pytorch_mobile.scripting import scripted

X = torch.rand(2, 3)
FAILURES = (RuntimeError, torch.jit.Error)
REFUSED = (
    r"frz: the model cannot run on these inputs|Expected (. elements in a list|chunk)|output sizes should be great"
)
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
        with pytest.raises(ExportError, match=r"without its weights: it (makes decisions or con|uses a view of outer)"):
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


DECISIONS: dict[str, tuple[Callable[[Any, Tensor], Any], list[int]]] = {
    "inequality": (lambda self, x: self.outer(x) if x.shape[0] > 2 else -x, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    "remainder": (lambda self, x: self.outer(x) if x.shape[0] % 4 == 0 else -x, [4, 8, 12]),
    "elements": (lambda self, x: self.outer(x) if x.numel() <= 24 else -x, [1, 2, 3, 4, 5, 6, 7, 8]),
    "maximum": (lambda self, x: self.outer(x) * max(x.shape[0], 8), [8, 9, 10, 11, 12]),
    "rounded": (lambda self, x: self.outer(x) * math.ceil(x.shape[0] / 3), [8]),
    "range": (lambda self, x: self.outer(x) + sum(range(x.shape[0])), [8]),
    "float": (lambda self, x: self.outer(x) / math.sqrt(x.shape[0]), [8]),
    "len": (lambda self, x: self.outer(x) * len(x), [8]),
    "iteration": (lambda self, x: self.outer(x) * sum(1 for _ in x), [8]),
    "chunks": (lambda self, x: self.outer(x) * len(x.chunk(4)), [4, 7, 8, 10, 11, 12]),
    "list": (lambda self, x: self.outer(x) * torch.tensor([x.shape[0], 1, 1]), [8]),
    "NumPy": (lambda self, x: self.outer(x) + len(np.zeros(x.shape[0])), [8]),
    "strides": (lambda self, x: self.outer(x) * x.t().contiguous().stride(0), [8]),
    "inclusive range": (lambda self, x: self.outer(x) + torch.range(1, x.shape[0])[:, None], [8]),
    "contiguity": (lambda self, x: self.outer(x) if x.t().is_contiguous() else -x, list(range(2, 13))),
    "channels": (
        lambda self, x: x if x.t()[None, ..., None].is_contiguous(memory_format=torch.channels_last) else -x,
        [8],
    ),
    "same size": (lambda self, x: self.outer(x) if x.is_same_size(torch.ones(8, 3)) else -x, [8]),
    "offset": (lambda self, x: self.outer(x) * x[x.shape[0] // 2 :].storage_offset(), [8, 9]),
    "smaller": (
        lambda self, x: nn.functional.interpolate(self.outer(x)[None, None], scale_factor=0.5),
        list(range(2, 13)),
    ),
    "shift": (lambda self, x: torch.roll(self.outer(x), x.shape[0] // 2, 0), [8, 9]),
    "shifts": (lambda self, x: torch.roll(self.outer(x), (x.shape[0] // 2, 1), (0, 1)), list(range(1, 13))),
    "axis": (lambda self, x: self.outer(x).sum(x.shape[0] % 2), [2, 4, 6, 8, 10, 12]),
    "kernel": (lambda self, x: nn.functional.avg_pool1d(self.outer(x).t(), x.shape[0]), [8]),
    "convolution": (
        lambda self, x: nn.functional.conv1d(x[None].mT, self.outer.weight[..., None], padding=x.shape[0] // 4),
        [8, 9, 10, 11],
    ),
    "index": (lambda self, x: self.outer(x)[:, [0, x.shape[0] // 4]], [8, 9, 10, 11]),
    "value": (lambda self, x: nn.functional.pad(self.outer(x), (1, 1), value=x.shape[0]), [8]),
    "inside a function": (
        lambda self, x: nn.functional.interpolate(
            self.outer(x)[None, None], scale_factor=(1.0, x.shape[0] / 4), mode="bilinear"
        ),
        [8],
    ),
    "parts": (lambda self, x: self.outer(x).split(x.shape[0] // 2 + 1)[0], [8, 9]),
    "text": (lambda self, x: self.outer(x) * len(f"{x.shape[0]}"), [8]),
    "message": (lambda self, x: str(x.shape[0]) and self.outer(x), list(range(1, 13))),
    "slice": (lambda self, x: self.outer(x)[: x.shape[0] // 2 + 1], list(range(1, 13))),
    "padding": (lambda self, x: nn.functional.pad(self.outer(x), (0, 0, 0, (-x.shape[0]) % 4)), list(range(1, 13))),
    "positions": (lambda self, x: self.outer(x) + torch.arange(x.shape[0])[:, None], list(range(1, 13))),
}
"""Computations with the length of an input, and the lengths from 1 to 12 for which a trace with 8 is valid."""

LISTS = ("shift", "axis", "kernel", "convolution")
"""Those that pass a length where PyTorch accepts a list, too."""


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:torch.range is deprecated")
@pytest.mark.parametrize("name", ["a.pt", "a.ptl"])
@pytest.mark.parametrize("decision", DECISIONS)
def test_traces_fail_where_the_code_would_decide_otherwise(decision: str, name: str, tmp_path: Path):
    forward, valid = DECISIONS[decision]
    model = Model(forward)
    try:
        made = loaded(export(model, tmp_path / name, example=torch.rand(8, 3)), model)
    except ExportError:
        if decision in LISTS and torch.__version__ < "2.9":
            pytest.skip("this version of PyTorch takes a single traced length for an empty list")
        raise
    for length in range(1, 13):
        x = torch.rand(length, 3)
        if length in valid:
            torch.testing.assert_close(made(x), model(x))
        else:
            with pytest.raises(FAILURES, match=REFUSED):
                made(x)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traces_fail_where_values_would_decide_otherwise(tmp_path: Path):
    x = torch.tensor([[1.0, -2.0, 3.0]])
    for forward in (
        lambda self, x: self.outer(x) if x.sum() > 0 else -x,
        lambda self, x: self.outer(x) * int(x.argmax()),
        lambda self, x: self.outer(x) * len([each for each in (x > 0)[0].tolist() if each]),
        lambda self, x: self.outer(x) * (2 if torch.equal(x > 0, torch.tensor([[True, False, True]])) else 1),
    ):
        model = Model(forward)
        made = loaded(export(model, tmp_path / "a.ptl", example=x), model)
        torch.testing.assert_close(made(x), model(x))
        with pytest.raises(
            FAILURES, match=r"frz: .* With the example's shapes and values, “lambda self, x: self.outer"
        ):
            made(-x)


def test_traces_fail_for_another_number_of_axes(tmp_path: Path):
    model = Model(lambda self, x: self.outer(x) * x.dim())
    made = loaded(export(model, tmp_path / "a.ptl", example=X), model)
    torch.testing.assert_close(made(X + 1), model(X + 1))
    with pytest.raises(FAILURES, match="frz: the model was traced with an input with 2 axes, not 3"):
        made(X[None])


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(
    ("forward", "fault"),
    [
        (lambda self, x: self.outer(x) * {2: 3, 4: 5}.get(x.shape[0], 7), "other numbers"),
        (
            lambda self, x: self.outer(x) + torch.arange(3) / (x.shape[0] - 1 + 1e-6),
            r"torch.float64 of shape \[2, 3\] instead of torch.float32 of shape \[2, 3\]",
        ),
    ],
)
def test_traces_that_differ_from_their_model_are_refused(
    forward: Callable[[Any, Tensor], Any], fault: str, tmp_path: Path
):
    with pytest.raises(ExportError, match=f"^Model cannot be traced: with the example, its trace returns {fault}. In"):
        export(Model(forward), tmp_path / "a.ptl", example=X)


class Counter(nn.Module):
    """Counts its runs in a buffer.

    Args:
        persistent: whether the buffer is in the state dict.
    """

    def __init__(self, persistent: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.register_buffer("runs", torch.zeros(()), persistent=persistent)

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        result: Tensor = self.layer(x) * self.runs * len(vars(self)["_buffers"])
        return result


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("with_weights", [False, True])
def test_tracing_changes_no_buffer(persistent: bool, with_weights: bool, tmp_path: Path):
    model = Counter(persistent)
    written = export(model, tmp_path / "a.ptl", example=X, with_weights=with_weights)
    assert written.traced
    assert model.runs == 0
    with quietly():
        made = _load_for_lite_interpreter(written.path) if with_weights else loaded(written, model)
    for _ in range(3):
        torch.testing.assert_close(made(X), model(X))


class Centered(nn.Module):
    """Returns sums that are 0 apart from rounding errors, which differ in a trace: it takes no fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x).sum(-1)
        return result


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_results_that_are_0_apart_from_rounding_errors():
    model, x = Centered().eval().requires_grad_(False), torch.rand(2, 5, 64)
    module, traced = scripted(model, (x,), trace=True)
    assert traced
    with torch.no_grad():
        assert float(module(x).abs().max()) < 1e-4
