"""Replace parts of a model with calls to functions in its ONNX file."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from frformat.runtimes.onnxruntime import functions, streams
from frformat.torch.lowrank import algebra
from frformat.torch.lowrank.stream import Pass, stream


def outline(model: nn.Module) -> dict[str, str]:
    """Replace factored layers, and normalizations that use the statistics of their input, with calls to functions.

    Args:
        model: modified in place; afterwards, only ``torch.onnx.export`` can run it.

    Returns:
        The texts of the functions by name. They are complete once the model has been exported.
    """
    texts: dict[str, str] = {}
    for module in list(model.modules()):
        if "_operations" in module._modules:
            module._modules["_operations"] = Operations(texts)
            for part in module.modules():
                places = part._buffers.get("places")
                if places is not None:
                    part._buffers["places"] = places.to(torch.uint8 if int(places.max()) < 256 else torch.int32)
        for name, child in module._modules.items():
            if type(child) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) and _is_plain(child):
                module._modules[name] = Norm(child, texts)
    return texts


def _is_plain(norm: Any) -> bool:
    """Return whether a normalization has no running statistics, and has either both weight and bias or neither."""
    return norm.running_mean is None and norm.running_var is None and (norm.weight is None) == (norm.bias is None)


class Norm(nn.Module):
    """Batch normalization with the statistics of its input."""

    def __init__(self, norm: Any, texts: dict[str, str]) -> None:
        super().__init__()
        self.weight, self.bias, self.eps, self.texts = norm.weight, norm.bias, norm.eps, texts

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (N, C, …) without changing the shape."""
        affine = [] if self.weight is None else [self.weight, self.bias]
        name = "norm_affine" if affine else "norm"
        self.texts[name] = functions.norm(bool(affine))
        return _call(name, [x, *affine], {"eps": self.eps}, x.dtype, x.shape)


class Operations(nn.Module):
    """A replacement for :class:`frformat.torch.factorization.operations.Operations` with the same methods.

    Only operations on float32 tensors call ONNX functions. Those on other dtypes are exported operator by operator.
    """

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self.texts = texts

    def cosines(self, n: int, r: int, double: bool) -> Tensor:  # noqa: D102
        if n == 0 or double:
            return torch.empty(0, r) if n == 0 else algebra.cosines(n, r, double)
        self.texts["cosines"] = functions.COSINES
        return _call("cosines", [], {"n": n, "r": r}, torch.float32, (n, r))

    def core(self, coefficients: Tensor, places: Tensor, tables: list[Tensor], shape: list[int]) -> Tensor:  # noqa: D102
        return algebra.core(coefficients, places.long(), tables, shape)

    def homogeneous(self, basis: Tensor, bias: Tensor | None) -> Tensor:  # noqa: D102
        return algebra.homogeneous(basis, bias)

    def convolve(self, x: Tensor, core: Tensor, how: algebra.Geometry) -> Tensor:  # noqa: D102
        return algebra.convolve(x, core, algebra.Geometry(*how))

    def multiply(self, x: Tensor, core: Tensor) -> Tensor:  # noqa: D102
        return algebra.multiply(x, core)

    def with_one(self, z: Tensor, last: bool) -> Tensor:  # noqa: D102
        return algebra.with_one(z, last)

    def apply_basis(self, x: Tensor, basis: Tensor, last: bool) -> Tensor:  # noqa: D102
        return algebra.apply_basis(x, basis, last)

    def batch_moments(self, z: Tensor, basis: Tensor, last: bool) -> tuple[Tensor, Tensor]:  # noqa: D102
        if z.dtype != torch.float32:
            return algebra.batch_moments(z, basis, last)
        name, n = "moments_last" if last else "moments", basis.shape[0]
        self.texts[name] = functions.moments(last)
        mean, variance = _calls(name, [z, basis], {}, [torch.float64] * 2, [(n,), (n,)])
        return mean, variance

    def normalize(  # noqa: D102
        self, basis: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> Tensor:
        if basis.dtype != torch.float32 or (weight is None) != (bias is None):
            return algebra.normalize(basis, mean, variance, weight, bias, eps)
        affine = [] if weight is None or bias is None else [weight, bias]
        name = "normalize_affine" if affine else "normalize"
        self.texts[name] = functions.normalize(bool(affine))
        return _call(name, [basis, mean, variance, *affine], {"eps": eps}, basis.dtype, basis.shape)

    def stream(self, z: Tensor, basis: Tensor, how: Pass) -> list[Tensor]:  # noqa: D102
        how = Pass(*how)
        if z.dtype != torch.float32:
            return stream(z, basis, how)
        axes = z.dim() - 2
        name = streams.stream_name(how, axes)
        self.texts[name] = streams.stream(how, axes)
        shapes: list[Any] = []
        for projection, pooled in zip(how.projections, how.pooled, strict=True):
            size = [n // k for n, k in zip(z.shape[2:], how.window, strict=True)] if pooled else z.shape[2:]
            rank = projection.shape[0]
            shapes.append((*z.shape[:-1], rank) if how.last else (z.shape[0], rank, *size))
        return _calls(name, [z, basis, *how.projections], {}, [z.dtype] * len(shapes), shapes)


def _call(name: str, inputs: list[Tensor], attributes: dict[str, Any], dtype: torch.dtype, shape: Any) -> Tensor:
    where = f"{functions.DOMAIN}::{name}"
    return torch.onnx.ops.symbolic(where, inputs, attributes, dtype=dtype, shape=shape, version=1)


def _calls(
    name: str, inputs: list[Tensor], attributes: dict[str, Any], dtypes: list[torch.dtype], shapes: list[Any]
) -> list[Tensor]:
    where = f"{functions.DOMAIN}::{name}"
    return list(torch.onnx.ops.symbolic_multi_out(where, inputs, attributes, dtypes=dtypes, shapes=shapes, version=1))
