# mypy: disable-error-code="empty-body"
# fmt: off — TorchScript needs each body on its own line
"""The operations of factored layers as methods of one module, behind a TorchScript interface.

TorchScript inlines functions wherever they are called, which would make an exported network about twenty times larger
than necessary. Methods of an interface are not inlined.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from frformat.checkpoints.regularized import describe
from frformat.torch.lowrank import algebra
from frformat.torch.lowrank.layers import CODED
from frformat.torch.lowrank.stream import Pass, stream


@torch.jit.interface
class Operations(nn.Module):
    """The operations that exported networks call; see :mod:`frformat.torch.lowrank.algebra` and :func:`stream`."""

    def cosines(self, n: int, r: int, double: bool) -> Tensor:  # noqa: D102
        pass

    def core(self, coefficients: Tensor, places: Tensor, tables: list[Tensor], shape: list[int]) -> Tensor:  # noqa: D102
        pass

    def homogeneous(self, basis: Tensor, bias: Tensor | None) -> Tensor:  # noqa: D102
        pass

    def convolve(self, x: Tensor, core: Tensor, how: algebra.Geometry) -> Tensor:  # noqa: D102
        pass

    def multiply(self, x: Tensor, core: Tensor) -> Tensor:  # noqa: D102
        pass

    def with_one(self, z: Tensor, last: bool) -> Tensor:  # noqa: D102
        pass

    def apply_basis(self, x: Tensor, basis: Tensor, last: bool) -> Tensor:  # noqa: D102
        pass

    def batch_moments(self, z: Tensor, basis: Tensor, last: bool) -> tuple[Tensor, Tensor]:  # noqa: D102
        pass

    def normalize(  # noqa: D102
        self, basis: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> Tensor:
        pass

    def stream(self, z: Tensor, basis: Tensor, how: Pass) -> list[Tensor]:  # noqa: D102
        pass


class Implementation(nn.Module):
    """Implements :class:`Operations`."""

    @torch.jit.export
    def cosines(self, n: int, r: int, double: bool) -> Tensor:  # noqa: D102
        return algebra.cosines(n, r, double)

    @torch.jit.export
    def core(self, coefficients: Tensor, places: Tensor, tables: list[Tensor], shape: list[int]) -> Tensor:  # noqa: D102
        return algebra.core(coefficients, places, tables, shape)

    @torch.jit.export
    def homogeneous(self, basis: Tensor, bias: Tensor | None) -> Tensor:  # noqa: D102
        return algebra.homogeneous(basis, bias)

    @torch.jit.export
    def convolve(self, x: Tensor, core: Tensor, how: algebra.Geometry) -> Tensor:  # noqa: D102
        return algebra.convolve(x, core, how)

    @torch.jit.export
    def multiply(self, x: Tensor, core: Tensor) -> Tensor:  # noqa: D102
        return algebra.multiply(x, core)

    @torch.jit.export
    def with_one(self, z: Tensor, last: bool) -> Tensor:  # noqa: D102
        return algebra.with_one(z, last)

    @torch.jit.export
    def apply_basis(self, x: Tensor, basis: Tensor, last: bool) -> Tensor:  # noqa: D102
        return algebra.apply_basis(x, basis, last)

    @torch.jit.export
    def batch_moments(self, z: Tensor, basis: Tensor, last: bool) -> tuple[Tensor, Tensor]:  # noqa: D102
        return algebra.batch_moments(z, basis, last)

    @torch.jit.export
    def normalize(  # noqa: D102
        self, basis: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> Tensor:
        return algebra.normalize(basis, mean, variance, weight, bias, eps)

    @torch.jit.export
    def stream(self, z: Tensor, basis: Tensor, how: Pass) -> list[Tensor]:  # noqa: D102
        return stream(z, basis, how)


FUNCTIONS = {getattr(algebra, name, stream): name for name in vars(Implementation) if not name.startswith("_")}
"""Maps functions to names of methods."""


class Portable(fx.GraphModule):
    """A graph that calls :class:`Operations`."""

    __annotations__ = {"_operations": Operations}
    __jit_ignored_attributes__ = ("_code", "_lineno_map", "meta")  # otherwise the file would also contain the source

    def __init__(self, root: Any, graph: fx.Graph, class_name: str = "Portable") -> None:
        super().__init__(root, graph, class_name)  # TorchScript reads this source, and warns about the inherited one

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        describe(destination, prefix[:-1], {name: each.facts() for name, each in self.meta.get(CODED, {}).items()})
