"""Factored networks whose bases and cores are constants, for runtimes that need constant weights.

The graph of a fused network is run node by node while it is traced. Bases and cores are registered as buffers, so that
they become constants of the trace. :attr:`Static.constants` says how a filler computes them. Nothing but these and
the model's own tensors depends on the weights.

In contrast to :mod:`frformat.torch.lowrank.algebra`, thin values here have no last coefficient of 1: convolutions add
the bias, and normalizations become a product and a sum. Inputs have a fixed size, so a pass over all channels is
divided into blocks of rows when the network is traced.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from frformat.runtimes.template.expressions import Composed, Constant, Mean, Spread, Thin
from frformat.runtimes.template.layout import Basis, Core, Normalization, Plain, Scaled, Shifted
from frformat.runtimes.template.moments import moments, pooled_moments
from frformat.torch.lowrank import algebra
from frformat.torch.lowrank.factors import Mode
from frformat.torch.lowrank.layers import Factored
from frformat.torch.lowrank.stream import Pass, activate, pool, stream

BLOCK: Final = 1 << 21
"""Number of elements in a block of rows: 8 MiB of float32. Smaller blocks are no faster, but need more operators."""
POOLED_BLOCK: Final = 5 << 19
"""The same for pooled networks. ExecuTorch's files need more bytes for each operator."""
MOST: Final = 64
"""Maximum number of blocks."""

MODES: Final[tuple[Mode, ...]] = ("into", "out")


@dataclass(frozen=True)
class _Attribute:
    """A tensor of the model."""

    path: str
    name: str

    @property
    def target(self) -> str:
        return f"{self.path}.{self.name}" if self.path else self.name


def static_network(fused: fx.GraphModule, example: Sequence[Any], pooled: bool = False) -> Static:
    """Prepare a result of :func:`frformat.torch.factorize` for inputs like ``example``.

    Args:
        fused: the network, which is not modified.
        example: all inputs.
        pooled: whether to compute sums of pixels by pooling, as runtimes need that reduce axes slowly.

    Raises:
        ValueError: its normalizations cannot be expressed by a template.
    """
    kind: type[Static] = type(type(fused).__name__, (Static,), {})  # messages contain the name of the model's class
    return kind(fused, example, pooled)


class Static(nn.Module):
    """A fused network whose forward method can be traced for one size of input.

    Attributes:
        constants: the constants by the names of their buffers.
        normalizations: the normalizations that the constants use.
        pooled: see :func:`static_network`.
    """

    def __init__(self, fused: fx.GraphModule, example: Sequence[Any], pooled: bool) -> None:
        """Register all constants by running the network once; see :func:`static_network`."""
        super().__init__()
        for name, parameter in fused._parameters.items():
            self.register_parameter(name, parameter)
        for name, buffer in fused._buffers.items():
            self.register_buffer(name, buffer, name not in fused._non_persistent_buffers_set)
        for name, module in fused.named_children():
            self.add_module(name, module)
        self.graph = fused.graph
        self.pooled = pooled
        self.constants: dict[str, Constant] = {}
        self.normalizations: list[Normalization] = []
        self._names: dict[Constant, str] = {}
        self.eval()
        with torch.no_grad():
            self(*example)

    def forward(self, *inputs: Any) -> Any:
        """Return the result of the network."""
        return _Run(self).run(*inputs)

    def constant(self, constant: Constant) -> Tensor:
        """Return a constant as a tensor; its elements are arbitrary."""
        name = self._names.get(constant)
        if name is None:
            name = self._names[constant] = f"constant{len(self._names)}"
            self.constants[name] = constant
            size = torch.Size(constant.shape).numel()
            self.register_buffer(name, constant.arranged(torch.ones(size)), persistent=False)
        return self.get_buffer(name)

    def normalization(self, found: Normalization) -> int:
        """Return the number of a normalization."""
        if found not in self.normalizations:
            self.normalizations.append(found)
        return self.normalizations.index(found)


class _Run(fx.Interpreter):
    """Runs the graph. Values are tensors or expressions."""

    def __init__(self, model: Static) -> None:
        super().__init__(model, garbage_collect_values=True, graph=model.graph)
        self.model = model

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return a tensor of a layer, for which the functions below decide how to compute it."""
        path, _, name = str(target).rpartition(".")
        layer = self.model.get_submodule(path)
        if isinstance(layer, Factored):
            factors = layer.factors
            for mode in MODES:
                if name == mode:
                    axes = tuple((factors.axes.lengths[axis], factors.box[axis]) for axis in factors.axes_of(mode))
                    return Constant(Basis(axes), (factors.length(mode), factors.rank(mode)))
        return _Attribute(path, name)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Compute a node."""
        special = self._special().get(target)
        if special is not None and not kwargs:
            found = special(*args)
            if found is not NotImplemented:
                return found
        if args and isinstance(args[0], Thin):
            return self._moved(args[0], lambda x: target(x, *args[1:], **kwargs))
        return target(*self._tensors(args), **self._tensors(kwargs))

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Call a method of a tensor."""
        first, *rest = args
        if isinstance(first, Thin) and target == "size":
            return first.z.size(*rest)
        if isinstance(first, Thin):
            return self._moved(first, lambda x: getattr(x, target)(*rest, **kwargs))
        return super().call_method(target, self._tensors(args), self._tensors(kwargs))

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Call a layer."""
        first, *rest = args
        if isinstance(first, Thin):
            layer = self.model.get_submodule(str(target))
            return self._moved(first, lambda x: layer(x, *rest, **kwargs))
        return super().call_module(target, self._tensors(args), self._tensors(kwargs))

    def output(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return the result."""
        return super().output(target, self._tensors(args), kwargs)

    def _special(self) -> dict[Any, Callable[..., Any]]:
        return {
            torch.narrow: self._narrow,
            torch.t: self._transpose,
            torch.flatten: self._flatten,
            torch.mm: self._compose,
            operator.getitem: self._item,
            algebra.core: self._core,
            algebra.homogeneous: self._homogeneous,
            algebra.convolve: self._convolve,
            algebra.multiply: self._multiply,
            algebra.with_one: self._with_one,
            algebra.apply_basis: self._apply,
            algebra.batch_moments: self._moments,
            algebra.normalize: self._normalize,
            stream: self._stream,
        }

    def _tensors(self, values: Any) -> Any:
        """Replace constants and tensors of the model with tensors."""
        if isinstance(values, Constant):
            return self.model.constant(values)
        if isinstance(values, _Attribute):
            return getattr(self.model.get_submodule(values.path), values.name)
        if isinstance(values, Pass) or not isinstance(values, tuple | list | dict):
            return values
        if isinstance(values, dict):
            return {key: self._tensors(each) for key, each in values.items()}
        if hasattr(values, "_fields"):
            return values
        return type(values)(map(self._tensors, values))

    @staticmethod
    def _moved(thin: Thin, operation: Callable[[Tensor], Tensor]) -> Thin:
        """Apply an operation to thin values that treats all channels alike."""
        first = thin.ones

        def ones() -> Tensor:
            return operation(torch.ones_like(thin.z[:, :1]) if first is None else first())

        return Thin(operation(thin.z), ones)

    def _weight(self, attribute: _Attribute) -> Constant:
        """Return a tensor of the model as a constant."""
        tensor = self._tensors(attribute)
        return Constant(Plain(attribute.target), tuple(tensor.shape))

    def _constant(self, value: Any) -> Any:
        return self._weight(value) if isinstance(value, _Attribute) else value

    def _narrow(self, x: Any, axis: int, start: int, length: int) -> Any:
        x = self._constant(x)
        return x.then(torch.narrow, axis, start, length) if isinstance(x, Constant) else NotImplemented

    def _transpose(self, x: Any) -> Any:
        return x.then(torch.t) if isinstance(x, Constant) else NotImplemented

    def _flatten(self, x: Any, start: int) -> Any:
        x = self._constant(x)
        return x.then(torch.flatten, start) if isinstance(x, Constant) else NotImplemented

    def _compose(self, projection: Any, spread: Any) -> Any:
        return Composed(projection, spread) if isinstance(spread, Spread) else NotImplemented

    @staticmethod
    def _item(items: Any, number: Any) -> Any:
        return items[number] if isinstance(items, list | tuple) else NotImplemented

    def _core(self, weight: _Attribute, places: Any, tables: Any, shape: Sequence[int]) -> Constant:
        layer = self.model.get_submodule(weight.path)
        assert isinstance(layer, Factored)
        expanded = tuple(axis for axis, table in enumerate(layer.tables()) if table.shape[0] > 0)
        return Constant(Core(weight.target, layer.factors.box, expanded), tuple(shape))

    def _homogeneous(self, basis: Any, bias: Any) -> Spread:
        if isinstance(basis, Constant):
            return Spread(basis, None if bias is None else self._weight(bias))
        if isinstance(basis, Spread) and basis.bias is None and basis.mean is None and basis.scale is None:
            return basis
        raise ValueError(
            "a normalization follows padding or pooling that is applied to the bias of a layer; templates do not "
            "support this"
        )

    def _convolve(self, x: Tensor, core: Constant, how: algebra.Geometry) -> Thin:
        weight = self.model.constant(core)
        how = algebra.Geometry(*how)
        z = torch.convolution(
            x, weight, None, how.stride, how.padding, how.dilation, how.transposed, how.output_padding, 1
        )
        return Thin(z)

    def _multiply(self, x: Tensor, core: Constant) -> Thin:
        return Thin(F.linear(x, self.model.constant(core)))

    @staticmethod
    def _with_one(z: Thin, last: bool) -> Thin:
        return Thin(z.z)

    def _apply(self, x: Any, matrix: Any, last: bool) -> Tensor:
        if isinstance(matrix, Spread):
            return self._spread(x, matrix, last)
        if not isinstance(matrix, Composed):
            return self._product(x, matrix, last)
        both = matrix.constant()
        if both is not None:
            return self._product(x.z, both, last)
        how = Pass("identity", [], [matrix.projection], [False], [], last)
        (found,) = self._stream(x, matrix.spread, how)
        return found

    def _product(self, x: Tensor, matrix: Any, last: bool, bias: Constant | None = None) -> Tensor:
        """Multiply channels by a matrix (n, r), and add a bias (n,)."""
        added = None if bias is None else self.model.constant(bias)
        if last:
            return F.linear(x, self._tensors(matrix), added)
        axes = x.dim() - 2
        if isinstance(matrix, Constant):
            weight = self.model.constant(matrix.then(_pointwise, axes))
        else:
            weight = _pointwise(self._tensors(matrix), axes)
        return torch.convolution(x, weight, added, [1] * axes, [0] * axes, [1] * axes, False, [0] * axes, 1)

    def _spread(self, x: Thin, spread: Spread, last: bool) -> Tensor:
        """Return all channels."""
        axes = 0 if last else x.z.dim() - 2
        needed = any(each is not None for each in (spread.bias, spread.mean, spread.shift))
        ones = x.ones() if needed and x.ones is not None else None
        z = x.z
        if spread.mean is not None:
            z = z - (spread.mean.mean if ones is None else spread.mean.mean * ones)
        y = self._product(z, spread.basis, last, spread.bias if ones is None else None)
        if spread.bias is not None and ones is not None:
            y = y + self._along(spread.bias, axes) * ones
        if spread.scale is not None:
            y = y * self._along(spread.scale, axes)
        if spread.shift is not None:
            shift = self._along(spread.shift, axes)
            y = y + (shift if ones is None else shift * ones)
        return y

    def _along(self, channels: Tensor | Constant, axes: int) -> Tensor:
        """Return values of channels, (n,), as (1, n, …1) if there are axes of pixels after the channels."""
        shape = (1, -1, *(1,) * axes) if axes else (-1,)
        if isinstance(channels, Constant):
            return self.model.constant(channels.then(torch.reshape, shape))
        if channels.dim() == len(shape):
            return channels  # a pass over several blocks has already done this
        return torch.reshape(channels, shape)

    def _moments(self, x: Thin, spread: Spread, last: bool) -> tuple[Mean, Tensor]:
        """Return the means of the thin values, and the variance of each channel."""
        assert x.ones is None
        if spread.mean is not None or spread.scale is not None:
            raise ValueError("two normalizations follow each other; templates do not support this")
        basis = self.model.constant(spread.basis)
        if self.model.pooled and x.z.dim() == 4 and not last:
            return pooled_moments(x.z, basis)
        return moments(x.z, basis, last)

    def _normalize(self, spread: Spread, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Spread:
        if isinstance(variance, Tensor):
            scale = torch.rsqrt(variance + eps)
            scale = scale if weight is None else scale * self._tensors(weight)
            return Spread(spread.basis, None, mean, scale, None if bias is None else self._weight(bias))
        names = [None if each is None else each.target for each in (variance, mean, weight, bias)]
        assert names[0] is not None
        assert names[1] is not None
        if spread.mean is not None or spread.scale is not None:
            raise ValueError("two normalizations follow each other; templates do not support this")
        number = self.model.normalization(Normalization(eps, names[0], names[1], names[2], names[3]))
        before = None if spread.bias is None else spread.bias.value.tensor
        channels = spread.basis.shape[:1]
        scaled = Constant(Scaled(None, 0, number), channels)
        return Spread(spread.basis, None, None, scaled, Constant(Shifted(before, number), channels))

    def _stream(self, x: Thin, spread: Spread, how: Pass) -> list[Tensor]:
        how = Pass(*how)
        if spread.mean is not None and spread.mean.z is x.z and x.ones is None:
            x, spread = Thin(spread.mean.centered), replace(spread, mean=None)
        if how.last:
            return self._block(x, spread, how)
        window = how.window[0] if any(how.pooled) else 1
        height = x.z.shape[2]
        row = spread.basis.shape[0] * x.z[:, 0, :1].numel()
        rows = max((POOLED_BLOCK if self.model.pooled else BLOCK) // row, -(-height // MOST), 1)
        rows = -(-rows // window) * window
        starts = [start for start in range(0, height, rows) if height - start >= window or start == 0]
        if len(starts) == 1:
            return self._block(x, spread, how)
        if isinstance(spread.scale, Tensor):
            spread = replace(spread, scale=self._along(spread.scale, x.z.dim() - 2))  # once rather than in every block
        ones = None if x.ones is None else x.ones()
        parts = []
        for start, end in zip(starts, [*starts[1:], height], strict=True):
            z = x.z.narrow(2, start, end - start)
            block = Thin(z, None if ones is None else _given(ones.narrow(2, start, end - start)))
            parts.append(self._block(block, spread, how))
        return [torch.cat(each, 2) for each in zip(*parts, strict=True)]

    def _block(self, x: Thin, spread: Spread, how: Pass) -> list[Tensor]:
        y = activate(self._spread(x, spread, how.last), how.activation, how.limits)
        most = pool(y, how.window) if any(how.pooled) else y
        pairs = zip(how.pooled, how.projections, strict=True)
        return [self._product(most if pooled else y, projection, how.last) for pooled, projection in pairs]


def _pointwise(matrix: Tensor, axes: int) -> Tensor:
    return matrix.reshape(*matrix.shape, *(1,) * axes)


def _given(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor
