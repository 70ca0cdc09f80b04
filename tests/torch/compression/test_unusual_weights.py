"""Weights of other types than 32-bit floats, and values of extreme magnitude."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map

import frformat
from frformat.torch import CompressionError, compress, load_file

torch.manual_seed(0)
VECTORS = list(torch.randn(256, 16).split(64))


def test_double_precision_is_compressed_like_single_precision():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 10)).eval()
    x = torch.randn(256, 20)
    single = compress(model, None, x.split(32), outputs="values")
    double = compress(model.double(), None, x.double().split(32), outputs="values")
    assert double.point.loss == pytest.approx(single.point.loss, rel=1e-3)
    assert single.model is not None
    assert double.model is not None
    for one, other in zip(single.model.parameters(), double.model.parameters(), strict=True):
        assert torch.equal(one.double(), other)


def test_ranges_that_fused_fake_quantization_observes_are_those_of_the_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 10)).train()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.prepare_qat(model)
    x = torch.randn(64, 20)
    model(x)
    model.eval()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    found = compress(model, None, x.split(16))
    stored = frformat.load(found.data)
    assert found.model is not None
    for name, buffer in found.model.named_buffers():
        assert torch.equal(buffer, before[name])
        assert np.array_equal(stored[name], buffer.numpy())


def test_parameters_of_eight_bits_are_stored_exactly():
    class Eight(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(20, 10)
            self.small = nn.Parameter(torch.randn(10, 20).to(torch.float8_e4m3fn), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.layer(x) + F.linear(x, self.small.float())
            return out

    model = Eight().eval()
    found = compress(model, None, torch.randn(64, 20).split(16))
    for data in (found.data, compress(model).data):
        stored = load_file(io.BytesIO(data))["small"]
        assert torch.equal(stored.view(torch.uint8), model.small.data.view(torch.uint8))


@pytest.mark.parametrize("value", [0.0, 1e-41, 1e-30, 1e8])
def test_weights_far_smaller_or_larger_than_biases(value: float):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    with torch.no_grad():
        for layer in (model[2], model[4]):
            layer.weight.mul_(value)
    for batches in (VECTORS, None):
        found = compress(model, None, batches, outputs="values")
        assert found.point.loss < 0.1
        assert found.model is not None
        assert all(bool(each.isfinite().all()) for each in found.model.parameters())


def test_one_weight_that_is_larger_than_all_others_by_many_orders_of_magnitude():
    weights = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    weights[3, 5] = 3e38
    found = compress({"weight": weights})
    stored = load_file(io.BytesIO(found.data))["weight"]
    assert float(stored[3, 5]) == pytest.approx(3e38, rel=1e-3)
    assert float(stored.flatten().abs().sort().values[-2]) < 1e33


@pytest.mark.parametrize("kind", ["tensors", "arrays"])
def test_tied_tensors_without_a_model_are_stored_once(kind: str):
    weight = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    tied: dict[str, Any] = {"embedding": weight, "head": weight, "other": weight.clone()}
    if kind == "arrays":
        arrays = {name: value.numpy() for name, value in tied.items()}
        tied = arrays | {"head": arrays["embedding"]}
    found = compress(tied)
    with frformat.open(io.BytesIO(found.data)) as file:
        assert file.aliases == {"head": "embedding"}
        assert file.info("embedding").step is not None
        np.testing.assert_allclose(file["head"], weight, atol=0.7)


class Wrapper(Tensor):
    """A tensor without memory of its own, as in libraries for quantized training."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Any:
        return Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)  # type: ignore[attr-defined]

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        plain = tree_map(lambda each: each.inner if isinstance(each, Wrapper) else each, (args, kwargs or {}))
        out = func(*plain[0], **plain[1])
        return cls(out) if func is torch.ops.aten.detach.default else out


def test_tensors_that_cannot_be_read_are_named():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = nn.Parameter(Wrapper(model[1].weight.data))
    with pytest.raises(CompressionError, match=r"1\.weight: of type Wrapper, which cannot be read as an array"):
        compress(model, None, torch.randn(8, 4).split(2))
