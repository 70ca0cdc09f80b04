"""Layers that run on factors, independently of each other. Gradients flow to inputs, coefficients and biases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn

from frformat.checkpoints.regularized import Facts, describe
from frformat.torch.lowrank import algebra
from frformat.torch.lowrank.factors import Convolution, Factors, Mode, Modes
from frformat.torch.lowrank.products import Movement, convolve, multiply

CODED: Final = "coded"
"""Key in a graph's metadata under which the result of :func:`coded` is stored."""


class Coded(NamedTuple):
    """The tensor that a parameter's coefficients describe.

    Attributes:
        shape: shape of the tensor.
        form: what the coefficients represent; see :meth:`frformat.TensorInfo.form`.
    """

    shape: tuple[int, ...]
    form: tuple[int, ...]

    @property
    def spectral(self) -> bool:
        """Whether the coefficients are those of a spectrum. The form is then its shape."""
        return self.form[-1] > 0

    def facts(self) -> Facts:
        """Return a description for state dicts."""
        if not self.spectral:
            return Facts("tucker", self.shape)
        return Facts("spectral", self.shape, None if self.form == self.shape else self.form)


class CodedLayer(nn.Module):
    """A layer whose parameter ``weight``, named like the plain weight, is a vector of coefficients.

    Attributes:
        weight: coefficients, (k,); see :meth:`frformat.FrzFile.coefficients`.
        bias: bias of the plain layer, or None.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.weight = weight
        self.register_parameter("bias", bias)

    def coded(self) -> Coded:
        """Return what the coefficients describe."""
        raise NotImplementedError

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Save like any module, and describe the coefficients in the metadata of the state dict."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        describe(destination, prefix[:-1], {"weight": self.coded().facts()})


class Factored(CodedLayer):
    """A layer that runs on the coefficients of a spectrum, in zigzag order.

    Attributes:
        factors: the core and the bases that the coefficients represent.
        modes: the bases that stay factors.
        into: basis (channels, rank) of the input channels, or None if the core is multiplied by it.
        out: the same for the output channels.
        rank: number of axes of its inputs, including the batch, or None if that varies or there is no batch.
    """

    places: Tensor
    into: Tensor | None
    out: Tensor | None
    rank: int | None = None

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, factors: Factors, modes: Modes) -> None:
        super().__init__(weight, bias)
        self.factors, self.modes = factors, modes
        self._tabulate()

    def coded(self) -> Coded:
        """Return the spectrum that the coefficients describe."""
        return Coded(self.factors.shape, self.factors.axes.lengths)

    def core(self, shape: list[int]) -> Tensor:
        """Return the core in this shape, whose extents along channels are those that :meth:`width` returns."""
        return algebra.core(self.weight, self.places, self.tables(), shape)

    def table_names(self) -> list[str]:
        """Return the names of the buffers that :meth:`tables` returns."""
        return [f"table{axis}" for axis in range(len(self.factors.box))]

    def tables(self) -> list[Tensor]:
        """Return the tables for :func:`algebra.core`."""
        return [self.get_buffer(name) for name in self.table_names()]

    def width(self, mode: Mode) -> int:
        """Return the core's extent along channels."""
        return self.factors.rank(mode) if mode in self.modes else self.factors.length(mode)

    def core_shape(self) -> list[int]:
        """Return the shape of the core, whose axes are those of the plain weight."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Describe what the coefficients represent and which bases stay factors."""
        lengths, box = list(self.factors.axes.lengths), list(self.factors.box)
        return f"{lengths}, kept={self.factors.kept}, box={box}, factors={'+'.join(self.modes)}"

    def _tabulate(self) -> None:
        like = self.weight.detach()
        self.register_buffer("places", self.factors.places().to(like.device), persistent=False)
        self.register_buffer("into", self.factors.basis("into", like) if "into" in self.modes else None, False)
        self.register_buffer("out", self.factors.basis("out", like) if "out" in self.modes else None, False)
        for name, table in zip(self.table_names(), self.factors.tables(self.modes, like), strict=True):
            self.register_buffer(name, table, persistent=False)

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        """Load like any module; with ``assign=True``, the weight may have another device or type afterwards."""
        super()._load_from_state_dict(*arguments, **options)
        if not self._fits():
            self._tabulate()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Factored:
        """Move to a device or type with the module; bases are recomputed, not cast."""
        before = list(self.buffers(recurse=False))
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        same = all(old is new for old, new in zip(before, self.buffers(recurse=False), strict=True))
        if not (same and self._fits()):
            self._tabulate()
        return self

    def _fits(self) -> bool:
        """Return whether the tables have the device and the type of the weight. They do not depend on its values."""
        table = self.get_buffer(self.table_names()[0])
        return (table.device, table.dtype) == (self.weight.device, self.weight.dtype)


def coded(model: nn.Module) -> dict[str, Coded]:
    """Return the parameters that are coefficients, by name, and the tensors they describe."""
    found: dict[str, Coded] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, CodedLayer):
            found[f"{path}.weight" if path else "weight"] = module.coded()
        elif isinstance(module, fx.GraphModule):  # a portable model has no factored layers left
            noted: dict[str, Coded] = module.meta.get(CODED, {})
            found |= {f"{path}.{name}" if path else name: each for name, each in noted.items()}
    return found


def forms(model: nn.Module) -> dict[str, list[int]]:
    """Return the parameters that are coefficients, by name, and their forms."""
    return {name: list(each.form) for name, each in coded(model).items()}


class FactoredLinear(Factored):
    """A :class:`torch.nn.Linear` that runs on factors."""

    def core_shape(self) -> list[int]:
        """Return the shape (out, into)."""
        return [self.width("out"), self.width("into")]

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, in features) to (…, out features)."""
        return multiply(x, self.into, self.core(self.core_shape()), self.out, self.bias)


class FactoredConvolution(Factored):
    """A convolution or transposed convolution, along any number of axes, that runs on factors.

    Attributes:
        how: how the kernel moves over the input.
    """

    def __init__(
        self, layer: Convolution, weight: nn.Parameter, bias: nn.Parameter | None, factors: Factors, modes: Modes
    ) -> None:
        super().__init__(weight, bias, factors, modes)
        self.how = Movement.of(layer)

    def core_shape(self) -> list[int]:
        """Return the shape (out, into, …kernel), or (into, out, …kernel) if transposed."""
        first, second = self.width("out"), self.width("into")
        return [second, first, *self.how.kernel] if self.factors.transposed else [first, second, *self.how.kernel]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in channels, …) to (N, out channels, …); N may be missing."""
        transposed = self.factors.transposed
        into = None if self.into is None else self._by_group(self.into.t(), transposed, 1)
        out = None if self.out is None else self._by_group(self.out, not transposed, 0)
        return convolve(x, into, self._grouped_core(), out, self.bias, self.how)

    def _grouped_core(self) -> Tensor:
        """Return the cores of all groups; they are the same if each group has its own channel basis."""
        core, groups = self.core(self.core_shape()), self.how.groups
        shared = ("into" if self.factors.transposed else "out") in self.modes
        return core.repeat([groups] + [1] * (core.dim() - 1)) if shared and groups > 1 else core

    def _by_group(self, basis: Tensor, apart: bool, rows: int) -> Tensor:
        """Return the matrix of a grouped pointwise convolution: (groups · rows per group, columns).

        Args:
            basis: (channels, rank) or its transpose.
            apart: whether each group has its own channels in ``basis``; otherwise, all share the same ones.
            rows: the axis of ``basis`` along channels.
        """
        groups = self.how.groups
        if groups == 1:
            return basis
        if not apart:
            return basis.repeat(groups, 1)
        return basis if rows == 0 else torch.cat(basis.chunk(groups, 1))
