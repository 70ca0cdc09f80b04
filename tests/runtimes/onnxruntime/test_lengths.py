"""Sessions compute what PyTorch computes, or fail, for inputs of any length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frformat.runtimes import ExportError, LengthError, export
from frformat.runtimes.onnxruntime import session
from frformat.torch import save_model
from tests.runtimes.onnxruntime import networks
from tests.runtimes.onnxruntime.sessions import assert_valid, exported, run, valid
from tests.runtimes.onnxruntime.test_models import Model

ALL = list(range(1, 13))

DECISIONS: dict[str, tuple[Callable[[Any, Tensor], Any], int, str, list[int]]] = {
    "more": (lambda self, x: self.layer(x) if x.shape[0] > 2 else -x, 5, "x.shape[0] >= 3", ALL[2:]),
    "at most": (lambda self, x: self.layer(x) if x.shape[0] <= 5 else -x, 5, "x.shape[0] <= 5", ALL[:5]),
    "less": (lambda self, x: self.layer(x) if x.shape[0] < 2 else -x, 5, "x.shape[0] >= 2", ALL[1:]),
    "one": (lambda self, x: self.layer(x) if x.shape[0] == 1 else -x, 5, "x.shape[0] >= 2", ALL[1:]),
    "only one": (lambda self, x: self.layer(x) if x.shape[0] == 1 else -x, 1, "", [1]),
    "remainder": (lambda self, x: self.layer(x) if x.shape[0] % 4 == 0 else -x, 4, "x.shape[0] % 4 == 0", [4, 8, 12]),
    "no multiple": (
        lambda self, x: -x if x.shape[0] % 4 == 0 else self.layer(x),
        5,
        "x.shape[0] % 4 != 0",
        [1, 2, 3, 5, 6, 7, 9, 10, 11],
    ),
    "quotient": (lambda self, x: self.layer(x) if x.shape[0] // 3 == 2 else -x, 6, "x.shape[0] // 3 == 2", [6, 7, 8]),
    "elements": (lambda self, x: self.layer(x) if x.numel() > 12 else -x, 5, "x.shape[0] >= 5", ALL[4:]),
    "empty": (lambda self, x: -x if x.shape[0] == 0 else self.layer(x), 5, "0 not in x.shape", ALL),
    "assertion": (lambda self, x: _asserted(self, x), 6, "x.shape[0] % 2 == 0", [2, 4, 6, 8, 10, 12]),
    "squeezed": (lambda self, x: self.layer(x).squeeze(0) * 2, 5, "x.shape[0] >= 2", ALL[1:]),
    "really squeezed": (lambda self, x: self.layer(x).squeeze(0) * 2, 1, "", [1]),
    "all squeezed": (lambda self, x: self.layer(x).squeeze() * 2, 5, "x.shape[0] >= 2", ALL[1:]),
    "chunks": (lambda self, x: self.layer(x.chunk(2)[1]), 5, "x.shape[0] >= 2", ALL[1:]),
    "halves": (lambda self, x: self.layer(x.split(x.shape[0] // 2)[1]), 6, "x.shape[0] % 2 == 0", ALL[1::2]),
    "rows": (lambda self, x: self.layer(torch.stack(x.unbind()[::-1])), 4, "", [4]),
    "large": (lambda self, x: self.layer(x) if x.shape[0] <= 5000 else -x, 5, "x.shape[0] <= 5000", ALL),
    "larger": (
        lambda self, x: self.layer(x) if x.shape[0] // 100 <= 100 else -x,
        5,
        "x.shape[0] <= 10099",
        ALL,
    ),
}
"""For each model: its code, the length of the example, the rule, and the lengths up to 12 for which it is valid."""


def _asserted(self: Any, x: Tensor) -> Tensor:
    assert x.shape[0] % 2 == 0
    result: Tensor = self.layer(x)
    return result


@pytest.mark.parametrize("decision", DECISIONS)
def test_decisions_by_lengths(decision: str, tmp_path: Path):
    forward, length, rule, expected = DECISIONS[decision]
    model = Model(forward, layer=nn.Linear(3, 3))
    save_model(model, tmp_path / "model.frz")
    written = export(model, tmp_path / "model.onnx", example=torch.rand(length, 3), weights=tmp_path / "model.frz")
    assert rule in [*written.rules, ""]
    made = session(tmp_path / "model.onnx", tmp_path / "model.frz")
    assert valid(model, made, [(torch.rand(n, 3),) for n in range(13)]) == expected
    if expected == [1]:
        assert written.inputs == {"x": [1, 3]}
    with pytest.raises(LengthError, match=r"x has shape \[0, 3\], but this model requires "):
        run(made, torch.rand(0, 3))


class Two(Model):
    """Has two inputs."""

    def forward(self, x: Tensor, y: Tensor) -> Any:  # type: ignore[override]
        return self.function(self, x, y)


def test_lengths_that_depend_on_each_other(tmp_path: Path):
    model = Two(
        lambda self, x, y: self.layer(x) * (2 if x.shape[0] % y.shape[0] == 0 else 3) + y.sum(), layer=nn.Linear(3, 3)
    )
    made = session(exported(model, tmp_path, torch.rand(4, 3), torch.rand(2, 5)), tmp_path / "model.frz")
    inputs = [(torch.rand(n, 3), torch.rand(m, 1 + n)) for n in range(1, 9) for m in range(1, 4)]
    assert [tuple(each.shape[0] for each in inputs[i]) for i in valid(model, made, inputs)] == [
        (n, m) for n in range(1, 9) for m in range(1, 4) if n % m == 0
    ]
    with pytest.raises(LengthError) as refused:
        run(made, torch.rand(5, 3), torch.rand(3, 3))
    assert refused.value.rule == "x.shape[0] % y.shape[0] == 0"
    assert refused.value.shapes == {"x": [5, 3], "y": [3, 3]}


def test_equal_lengths(tmp_path: Path):
    model = Two(lambda self, x, y: self.layer(x) + y, layer=nn.Linear(3, 3))
    made = session(exported(model, tmp_path, torch.rand(4, 3), torch.rand(4, 3)), tmp_path / "model.frz")
    assert valid(model, made, [(torch.rand(n, 3), torch.rand(n, 3)) for n in range(1, 9)]) == list(range(8))
    with pytest.raises(LengthError, match=r"x has shape \[5, 3\], y has shape \[1, 3\], .* x.shape\[0\] == y.shape"):
        run(made, torch.rand(5, 3), torch.rand(1, 3))


def first(self: Any, x: Tensor, y: Tensor) -> Tensor:
    """Use the first few rows."""
    count = y.item()
    torch._check(count >= 1)
    torch._check(count < 4)
    torch._check(count <= x.shape[0])
    result: Tensor = self.layer(x[:count])  # type: ignore[misc]
    return result if count < 4 else -result


def test_conditions_on_values(tmp_path: Path):
    model = Two(first, layer=nn.Linear(3, 3))
    skeleton = exported(model, tmp_path, torch.rand(4, 3), torch.tensor(2))
    made = session(skeleton, tmp_path / "model.frz")
    inputs = [(torch.rand(n, 3), torch.tensor(count)) for n in (2, 3, 6) for count in range(6)]
    found = [(len(inputs[i][0]), int(inputs[i][1])) for i in valid(model, made, inputs)]
    assert found == [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (6, 1), (6, 2), (6, 3)]
    with pytest.raises(LengthError, match=r"but this model requires y.item\(\) <= 3"):
        run(made, torch.rand(6, 3), torch.tensor(4))


class Decoder(nn.Module):
    """Attends to a memory, after checking that both batches have the same size."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        if x.shape[0] != memory.shape[0]:
            raise ValueError("the batches differ")
        result: Tensor = self.layer(x, memory)
        return result


@pytest.mark.parametrize("model", [Decoder(), nn.Transformer(8, 2, 1, 1, 16, batch_first=True)])
def test_batches_of_equal_size(model: nn.Module, tmp_path: Path):
    skeleton = exported(model.eval(), tmp_path, torch.rand(2, 5, 8), torch.rand(2, 7, 8))
    made = session(skeleton, tmp_path / "model.frz")
    sizes = [(2, 2), (3, 3), (3, 2), (3, 1), (1, 3), (1, 1)]
    inputs = [(torch.rand(n, 4, 8), torch.rand(m, 6, 8)) for n, m in sizes]
    assert_valid([sizes[i] for i in valid(model, made, inputs)], [(2, 2), (3, 3), (1, 1)])


def test_pixels_become_channels_if_their_number_is_even(tmp_path: Path):
    model, x = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 4, 1)), torch.rand(1, 3, 8, 8)
    save_model(model, tmp_path / "model.frz")
    written = export(model, tmp_path / "model.onnx", example=x)
    if torch.__version__ >= "2.15":
        assert written.rules == ["0 not in input.shape", "input.shape[2] % 2 == 0", "input.shape[3] % 2 == 0"]
    made = session(tmp_path / "model.onnx", tmp_path / "model.frz")
    inputs = [(torch.rand(n, 3, h, w),) for n, h, w in ((1, 8, 8), (3, 6, 10), (2, 8, 9), (2, 7, 8))]
    assert_valid(valid(model, made, inputs), [0, 1])


def test_the_graph_itself_checks(tmp_path: Path):
    model = Model(lambda self, x: self.layer(x) if x.shape[0] % 4 == 0 else -x, layer=nn.Linear(3, 3))
    made = session(exported(model, tmp_path, torch.rand(4, 3)), tmp_path / "model.frz")
    with pytest.raises(Exception, match=r"Name:'frz: x.shape\[0\] % 4 == 0'"):
        made.session.run(None, {"x": np.zeros((5, 3), np.float32)})


def test_only_a_length_matters_or_no_input_at_all(tmp_path: Path):
    """The check of an input that nothing else uses stays in the graph."""
    for forward in (
        lambda self, x, y: self.layer(y) if x.shape[0] > 2 else -y,
        lambda self, x, y: self.layer.weight * 2 if x.shape[0] > 2 else -self.layer.weight,
    ):
        model = Two(forward, layer=nn.Linear(3, 3))
        made = session(exported(model, tmp_path, torch.rand(4, 3), torch.rand(2, 3)), tmp_path / "model.frz")
        assert valid(model, made, [(torch.rand(n, 3), torch.rand(2, 3)) for n in range(1, 6)]) == [2, 3, 4]


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...], tuple[int, ...], Callable[..., bool]]] = {
    "padded": (networks.Padded(), (1, 3, 10), (2,), lambda n: True),
    "windows": (networks.Windows(False), (1, 9, 10, 8), (1, 2), lambda h, w: True),
    "windows, padded": (networks.Windows(True), (1, 9, 10, 8), (1, 2), lambda h, w: h % 4 != 0),
    "windows, not padded": (
        networks.Windows(True),
        (2, 8, 8, 8),
        (1, 2),
        lambda h, w: h % 4 == 0 and w % 4 == 0,
    ),
    "positions": (networks.Positions(False), (1, 3, 16, 20), (2, 3), lambda h, w: min(h, w) >= 4),
    "positions, interpolated": (
        networks.Positions(True),
        (1, 3, 16, 20),
        (2, 3),
        lambda h, w: min(h, w) >= 4 and h // 4 != 3,
    ),
    "positions, exact": (
        networks.Positions(True),
        (2, 3, 12, 12),
        (2, 3),
        lambda h, w: h // 4 == 3 and w // 4 == 3,
    ),
    "chunks": (networks.Chunks(), (2, 9, 6), (1,), lambda n: True),
    "memory": (networks.Memory(), (1, 7, 6), (1,), lambda n: 3 <= n <= 12),
    "pooled": (networks.Pooled(), (1, 3, 13, 14), (2, 3), lambda h, w: min(h, w) >= 2),
}
"""Networks, the shape of the example, the variable axes, and whether a trace is valid for some lengths of them."""


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_at_many_lengths(name: str, tmp_path: Path):
    model, shape, axes, is_valid = NETWORKS[name]
    made = session(exported(model.eval(), tmp_path, torch.rand(shape)), tmp_path / "model.frz")
    sizes = [tuple(n + i * (n % 5) for i in range(len(axes))) for n in range(1, 26)]
    inputs = []
    for n, lengths in enumerate(sizes):
        size = list(shape)
        size[0] = 1 + n % 3
        for axis, length in zip(axes, lengths, strict=True):
            size[axis] = length
        inputs.append((torch.rand(size),))
    found = [sizes[i] for i in valid(model, made, inputs)]
    assert_valid(found, [lengths for lengths in sizes if is_valid(*lengths)])


ANY: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "max pooling": (nn.MaxPool1d(3, 2, 1), (2, 3, 9)),
    "complete windows": (nn.MaxPool1d(2, ceil_mode=True), (2, 3, 9)),
    "rounded up": (Model(lambda self, x: nn.functional.pad(x, (0, -(-x.shape[2] // 4) * 4 - x.shape[2]))), (2, 3, 9)),
    "averages": (nn.AvgPool1d(3, 2, ceil_mode=True), (2, 3, 9)),
    "averages with padding": (nn.AvgPool1d(2, 3, 1, ceil_mode=True), (2, 3, 9)),
    "averages without padding": (nn.AvgPool1d(2, 3, 1, ceil_mode=True, count_include_pad=False), (2, 3, 9)),
}


@pytest.mark.parametrize("name", ANY)
def test_operations_that_allow_any_length(name: str, tmp_path: Path):
    layer, shape = ANY[name]
    model = nn.Sequential(nn.Conv1d(3, 3, 1), layer).eval()
    made = session(exported(model, tmp_path, torch.rand(shape)), tmp_path / "model.frz")
    inputs = [(torch.rand(1 + n % 2, 3, n),) for n in range(3, 17)]
    assert_valid(valid(model, made, inputs), range(len(inputs)))


class Sum(nn.Module):
    """Adds up any number of inputs.

    Args:
        first: whether the first one has a parameter of its own.
    """

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.forward = self.one if first else self.all

    def one(self, x: Tensor, *others: Tensor) -> Tensor:
        return self.all(x, *others)

    def all(self, *inputs: Tensor) -> Tensor:
        result: Tensor = self.layer(torch.cat(inputs))
        return result


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_inputs(first: bool, count: int, tmp_path: Path):
    model = Sum(first)
    made = session(exported(model, tmp_path, *(torch.rand(2 + i, 3) for i in range(count))), tmp_path / "model.frz")
    inputs = [tuple(torch.rand(n + i, 3) for i in range(count)) for n in (1, 4)]
    assert valid(model, made, inputs) == [0, 1]


@pytest.mark.parametrize("equation", ["bi,bj->ij", "bi,bj", "bij,bjk,bk->bi", "bii->bi", "b...,b...->b..."])
def test_products_along_axes(equation: str, tmp_path: Path):
    terms = equation.partition("->")[0].split(",")

    def forward(self: Any, x: Tensor) -> Tensor:
        operands = [x[:, 0] if len(term) == 2 else x for term in terms]
        return torch.einsum(equation, *operands) * self.layer.weight.sum()

    model = Model(forward, layer=nn.Linear(4, 4))
    made = session(exported(model, tmp_path, torch.rand(3, 4, 4)), tmp_path / "model.frz")
    assert 1 in valid(model, made, [(torch.rand(n, 4, 4),) for n in (1, 3, 5)])


class ChannelsLast(nn.Module):
    """Passes a layer an image whose channels are last in memory, as a normalization of channels returns it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(3), layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


PIXELS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "circular": (nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (1, 3, 6, 7)),
    "averages of halves": (nn.AdaptiveAvgPool2d(2), (1, 3, 8, 8)),
    "averages of overlapping windows": (nn.AdaptiveAvgPool2d((3, 5)), (2, 3, 7, 9)),
    "averages that are the pixels": (nn.AdaptiveAvgPool2d(7), (1, 3, 7, 7)),
    "averages of columns": (nn.AdaptiveAvgPool2d((4, 1)), (1, 3, 8, 9)),
    "averages of channels": (ChannelsLast(nn.AdaptiveAvgPool2d(1)), (1, 3, 8, 9)),
    "averages of columns of channels": (ChannelsLast(nn.AdaptiveAvgPool2d((1, 2))), (1, 3, 8, 9)),
}
"""Layers that take images (N, 3, H, W) of any size."""


@pytest.mark.parametrize("name", PIXELS)
def test_images_of_any_size(name: str, tmp_path: Path):
    layer, shape = PIXELS[name]
    model = nn.Sequential(nn.Conv2d(3, 3, 1), layer, nn.Sigmoid())
    made = session(exported(model, tmp_path, torch.rand(shape)), tmp_path / "model.frz")
    inputs = [(torch.rand(n, 3, h, w),) for n in (1, 2) for h, w in ((1, 1), (2, 7), (3, 4), (8, 14), (13, 9))]
    assert_valid(valid(model, made, inputs), range(len(inputs)))


def test_inputs_with_many_axes_need_fixed_lengths(tmp_path: Path):
    example, path = torch.zeros((1,) * 100), tmp_path / "model.onnx"
    for dynamic in (True, False):
        with pytest.raises(ExportError, match=r"has 100 axes, .* at most 64 work; with variable lengths, 8 \("):
            export(nn.Linear(1, 1), path, example=example, dynamic=dynamic)
    assert not path.exists()
    export(nn.Linear(1, 1), path, example=torch.zeros((1,) * 9), dynamic=False)


def test_the_number_of_features_stays_a_rule(tmp_path: Path):
    model = Model(lambda self, x: self.layer(x.transpose(0, 1)), layer=nn.Linear(3, 3))
    made = session(exported(model, tmp_path, torch.rand(1, 4, 3)), tmp_path / "model.frz")
    assert made.get_inputs()[0].shape[2] == 3
    assert valid(model, made, [(torch.rand(n, m, 3),) for n in (1, 2) for m in (1, 5)]) == [0, 1, 2, 3]
