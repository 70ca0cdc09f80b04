"""Represent a tensor while a graph is rewritten: the tensor itself, or thin values from which it can be computed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, fx

from frformat.torch.factorization.fusion.operations import Activation
from frformat.torch.lowrank.algebra import apply_basis
from frformat.torch.lowrank.stream import Pass, activate, pool, stream


@dataclass
class Builder:
    """Builds the new graph.

    Attributes:
        graph: the graph.
        expanded: paths of the layers whose channels all exist at the same time somewhere in the graph.
    """

    graph: fx.Graph = field(default_factory=fx.Graph)
    expanded: set[str] = field(default_factory=set)

    def call(self, function: Callable[..., Any], *args: Any) -> fx.Node:
        """Add a call to the graph."""
        return self.graph.call_function(function, args)

    def attribute(self, name: str) -> fx.Node:
        """Add an access to a tensor of the model."""
        return self.graph.get_attr(name)


@dataclass(frozen=True)
class Projection:
    """A matrix that maps (some) channels to fewer values: a transposed basis, or a rebuilt pointwise layer.

    Attributes:
        matrix: its name in the model: a basis (channels, rank), or a weight (rank, channels, …1).
        channels: number of channels.
        basis: whether it is a basis rather than a weight.
        start: index of the first channel.
    """

    matrix: str
    channels: int
    basis: bool = True
    start: int = 0

    def node(self, builder: Builder) -> fx.Node:
        """Return the matrix, shape (rank, channels)."""
        whole = builder.attribute(self.matrix)
        if self.basis:
            return builder.call(torch.t, builder.call(torch.narrow, whole, 0, self.start, self.channels))
        return builder.call(torch.narrow, builder.call(torch.flatten, whole, 1), 1, self.start, self.channels)

    def part(self, start: int, channels: int) -> Projection:
        """Return the matrix for some of its channels."""
        return Projection(self.matrix, channels, self.basis, self.start + start)


Post = Callable[[fx.Node], fx.Node]
"""Adds an operation on thin values and returns its result."""


class Value:
    """A tensor."""

    def dense(self, builder: Builder) -> fx.Node:
        """Return the tensor as a node."""
        raise NotImplementedError

    def project(self, builder: Builder, projection: Projection, last: bool) -> fx.Node:
        """Return the tensor's product with a projection along channels."""
        return builder.call(apply_basis, self.dense(builder), projection.node(builder), last)

    def channels(self) -> int | None:
        """Return the number of channels, if known."""
        return None

    def has_pixels(self, axes: int | None) -> bool:
        """Return whether channels are known to be axis 1, followed by ``axes`` axes of pixels, or by any number."""
        return False


@dataclass
class Dense(Value):
    """A tensor that exists in memory."""

    node: fx.Node

    def dense(self, builder: Builder) -> fx.Node:  # noqa: D102
        return self.node


@dataclass
class Wide(Value):
    """The channels ``basis @ z`` of thin values.

    Attributes:
        z: thin values.
        basis: matrix (n, r).
        count: number of channels, n.
        last: whether channels are the last axis, rather than the second.
        rank: number of axes.
        origin: path of the layer that produced it.
        homogeneous: whether the last coefficient of ``z`` is still 1 everywhere.
        made: the node with all channels, once it has been added.
    """

    z: fx.Node
    basis: fx.Node
    count: int
    last: bool
    rank: int
    origin: str
    homogeneous: bool = True
    made: fx.Node | None = None

    def dense(self, builder: Builder) -> fx.Node:  # noqa: D102
        if self.made is None:
            self.made = self.expand(builder)
        return self.made

    def expand(self, builder: Builder) -> fx.Node:
        """Return a new tensor with all channels."""
        builder.expanded.add(self.origin)
        return builder.call(apply_basis, self.z, self.basis, self.last)

    def project(self, builder: Builder, projection: Projection, last: bool) -> fx.Node:  # noqa: D102
        if last != self.last:
            return super().project(builder, projection, last)
        both = builder.call(torch.mm, projection.node(builder), self.basis)
        return builder.call(apply_basis, self.z, both, last)

    def channels(self) -> int:  # noqa: D102
        return self.count

    def has_pixels(self, axes: int | None) -> bool:  # noqa: D102
        return not self.last and axes in (None, self.rank - 2)


@dataclass
class Stream:
    """One pass over all channels, in blocks. Its first user adds the call to the graph; later users extend the call."""

    wide: Wide
    activation: Activation
    window: list[int] = field(default_factory=list)
    call: fx.Node | None = None
    projections: list[fx.Node] = field(default_factory=list)
    pooled: list[bool] = field(default_factory=list)
    made: dict[bool, fx.Node] = field(default_factory=dict)

    def project(self, builder: Builder, projection: Projection, pooled: bool) -> fx.Node:
        """Add one more result, and return it."""
        if self.call is None:
            self.projections.append(projection.node(builder))
            self.pooled.append(pooled)
            self.call = builder.call(stream, self.wide.z, self.wide.basis, self._how())
        else:
            with builder.graph.inserting_before(self.call):
                self.projections.append(projection.node(builder))
            self.pooled.append(pooled)
            self.call.args = (*self.call.args[:2], self._how())
        return builder.call(operator.getitem, self.call, len(self.pooled) - 1)

    def _how(self) -> Any:
        """Return the description of the pass, with graph nodes in place of tensors."""
        limits, projections = list(self.activation.limits), cast(list[Tensor], self.projections)
        return Pass(self.activation.name, limits, projections, self.pooled, self.window, self.wide.last)

    def dense(self, builder: Builder, pooled: bool) -> fx.Node:
        """Return all channels in memory."""
        if False not in self.made:
            wide = self.wide.expand(builder)
            self.made[False] = builder.call(activate, wide, self.activation.name, list(self.activation.limits))
        if pooled and True not in self.made:
            self.made[True] = builder.call(pool, self.made[False], self.window)
        return self.made[pooled]


@dataclass
class Active(Value):
    """All channels after an activation, optional pooling, and operations that treat all channels alike."""

    source: Stream
    pooled: bool = False
    post: tuple[Post, ...] = ()
    made: fx.Node | None = None

    def dense(self, builder: Builder) -> fx.Node:  # noqa: D102
        if self.made is None:
            self.made = self._after(self.source.dense(builder, self.pooled))
        return self.made

    def project(self, builder: Builder, projection: Projection, last: bool) -> fx.Node:  # noqa: D102
        if last != self.source.wide.last:
            return super().project(builder, projection, last)
        return self._after(self.source.project(builder, projection, self.pooled))

    def channels(self) -> int:  # noqa: D102
        return self.source.wide.count

    def has_pixels(self, axes: int | None) -> bool:  # noqa: D102
        return self.source.wide.has_pixels(axes)

    def _after(self, node: fx.Node) -> fx.Node:
        for each in self.post:
            node = each(node)
        return node


@dataclass
class Joined(Value):
    """Values concatenated along channels."""

    parts: tuple[Value, ...]
    axis: int
    made: fx.Node | None = None

    def dense(self, builder: Builder) -> fx.Node:  # noqa: D102
        if self.made is None:
            self.made = builder.call(torch.cat, [part.dense(builder) for part in self.parts], self.axis)
        return self.made

    def project(self, builder: Builder, projection: Projection, last: bool) -> fx.Node:  # noqa: D102
        known = [part.channels() for part in self.parts]
        rest = projection.channels - sum(count or 0 for count in known)
        if known.count(None) > 1:
            return super().project(builder, projection, last)
        start, total = 0, None
        for part, count in zip(self.parts, known, strict=True):
            count = rest if count is None else count
            node = part.project(builder, projection.part(start, count), last)
            total = node if total is None else builder.call(torch.add, total, node)
            start += count
        assert total is not None
        return total

    def has_pixels(self, axes: int | None) -> bool:  # noqa: D102
        return any(part.has_pixels(axes) for part in self.parts)
