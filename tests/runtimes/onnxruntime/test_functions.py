"""The functions in ONNX files compute the same results as those of :mod:`frformat.torch.lowrank`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from frformat.runtimes.onnxruntime import blocks, functions, streams  # noqa: E402
from frformat.runtimes.onnxruntime.tracing import OPSET  # noqa: E402
from frformat.torch.lowrank import algebra  # noqa: E402
from frformat.torch.lowrank.stream import Pass, _whole  # noqa: E402

KINDS = {torch.float32: 1, torch.float64: 11}


def called(text: str, inputs: list[Tensor], **attributes: Any) -> list[Tensor]:
    """Run a function on inputs of any size."""
    function = functions.parsed(text, OPSET)
    names, outputs = list(function.input), list(function.output)
    node = onnx.helper.make_node(function.name, names, outputs, domain=functions.DOMAIN, **attributes)
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "graph",
        [info(name, KINDS[x.dtype], [None] * x.dim()) for name, x in zip(names, inputs, strict=True)],
        [onnx.ValueInfoProto(name=name) for name in outputs],
    )
    opsets = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(functions.DOMAIN, 1)]
    model = onnx.helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=10)
    for name, value in zip(outputs, model.graph.output, strict=True):
        kind = 11 if name in ("mean", "variance") else 1
        value.CopyFrom(onnx.helper.make_tensor_value_info(name, kind, None))
    made = onnxruntime.InferenceSession(model.SerializeToString())
    found = made.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    return [torch.from_numpy(each) for each in found]


def same(found: Tensor, expected: Tensor, share: float = 2e-6) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=share * float(expected.abs().max()))


@pytest.mark.parametrize(("n", "r"), [(1, 1), (7, 7), (1024, 5)])
def test_cosines(n: int, r: int):
    (found,) = called(functions.COSINES, [], n=n, r=r)
    same(found, algebra.cosines(n, r, False), 1e-6)


@pytest.mark.parametrize("block", [1, 50, 1 << 17])
@pytest.mark.parametrize("shape", [(2, 4, 5, 7), (1, 4, 300), (3, 4, 2, 3, 2)])
def test_moments(shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    z = algebra.with_one(torch.randn(shape) + 100, last=False)
    basis = torch.randn(6, 5)
    for found, expected in zip(called(functions.moments(False), [z, basis]), algebra.batch_moments(z, basis, False)):  # noqa: B905
        same(found, expected, 1e-5)
    turned = z.movedim(1, -1).contiguous()
    turned = z.movedim(1, -1).contiguous()
    for last, x in ((False, z), (True, turned)):
        made = called(functions.moments(last), [x, basis])
        for found, expected in zip(made, algebra.batch_moments(x, basis, last), strict=True):
            same(found, expected, 1e-5)


@pytest.mark.parametrize("affine", [False, True])
def test_normalize(affine: bool):
    basis, mean, variance = torch.randn(6, 5), torch.randn(6, dtype=torch.float64), torch.rand(6, dtype=torch.float64)
    weights = [torch.randn(6), torch.randn(6)] if affine else []
    (found,) = called(functions.normalize(affine), [basis, mean, variance, *weights], eps=1e-5)
    same(found, algebra.normalize(basis, mean, variance, *(weights or [None, None]), 1e-5))


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [(7, 3), (2, 3, 5), (2, 3, 5, 6)])
def test_norm(affine: bool, shape: tuple[int, ...]):
    x, weights = torch.randn(shape) + 5, [torch.randn(3), torch.randn(3)] if affine else []
    (found,) = called(functions.norm(affine), [x, *weights], eps=1e-5)
    same(found, nn.functional.batch_norm(x, None, None, *(weights or [None, None]), training=True), 1e-5)


ACTIVATIONS = [(name, [0.1, 0.7]) for name in streams.ACTIVATIONS]


@pytest.mark.parametrize(("activation", "limits"), ACTIVATIONS)
def test_stream_of_every_activation(activation: str, limits: list[float]):
    projections = [torch.randn(3, 6)]
    how = Pass(activation, limits, projections, [False], [], False)
    z, basis = torch.randn(2, 4, 5, 7), torch.randn(6, 4)
    (found,) = called(streams.stream(how, 2), [z, basis, *projections])
    same(found, _whole(z, basis, how)[0])


@pytest.mark.parametrize(
    ("window", "pooled", "size"),
    [
        ([2, 2], [True, False], (5, 7)),
        ([2, 2], [True], (4, 6)),
        ([3, 2], [False, True, True], (8, 8)),
        ([3], [True, False], (10,)),
        ([2, 1, 2], [True, False], (3, 4, 5)),
        ([], [False], (3, 4, 5)),
        ([], [False, False], (9,)),
    ],
)
@pytest.mark.parametrize("block", [1, 200, 1 << 17])
def test_stream(
    window: list[int], pooled: list[bool], size: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(blocks, "BLOCK", block)
    projections = [torch.randn(2 + i, 6) for i in range(len(pooled))]
    how = Pass("relu", [], projections, pooled, window, False)
    z, basis = torch.randn(2, 4, *size), torch.randn(6, 4)
    found = called(streams.stream(how, len(size)), [z, basis, *projections])
    for each, expected in zip(found, _whole(z, basis, how), strict=True):
        same(each, expected)


def test_stream_of_channels_that_come_last():
    projections = [torch.randn(3, 6), torch.randn(2, 6)]
    how = Pass("gelu", [], projections, [False, False], [], True)
    z, basis = torch.randn(2, 5, 4), torch.randn(6, 4)
    found = called(streams.stream(how, 1), [z, basis, *projections])
    for each, expected in zip(found, _whole(z, basis, how), strict=True):
        same(each, expected)


def test_names_distinguish_passes():
    made = [Pass("hardtanh", limits, [], [False], [], False) for limits in ([0.0, 6.0], [-1.0, 1.0], [1e-7, 1.0])]
    made += [
        Pass("relu", [], [], pooled, window, False)
        for pooled, window in (([True], [2, 2]), ([True], [3, 2]), ([False], []))
    ]
    names = {streams.stream_name(how, 2) for how in made} | {streams.stream_name(made[0], 1)}
    assert len(names) == 7
    assert all(name.replace("_", "").isalnum() for name in names)
