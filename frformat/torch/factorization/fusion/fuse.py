"""Rewrite a traced model so that factored layers pass thin values to each other."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from inspect import isfunction
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from frformat.torch.copying import keep_persistence
from frformat.torch.factorization.fusion.fidelity import departure, require
from frformat.torch.factorization.fusion.module import FusedModule
from frformat.torch.factorization.fusion.operations import (
    Activation,
    Join,
    MaxPool,
    Nothing,
    Size,
    Spatial,
    in_place,
    is_alone,
    operation,
)
from frformat.torch.factorization.fusion.values import Active, Builder, Dense, Joined, Projection, Stream, Value, Wide
from frformat.torch.factorization.hooks import hand_over, is_watched, without_hooks
from frformat.torch.lowrank import algebra, stream
from frformat.torch.lowrank.layers import CodedLayer, Factored, FactoredConvolution
from frformat.torch.regularization.views import Example

UNQUOTABLE: Final = re.compile('["\\\\\0\n\r\ud800-\udfff]')
"""Finds characters that must be escaped in a string. :mod:`torch.fx` puts names between quotes without doing so."""


@dataclass(frozen=True)
class Fusion:
    """The result of fusing a model.

    Attributes:
        model: the fused model, or the original one.
        streams: number of passes over all channels that run in blocks.
        problem: why the model was not fused, or an empty string.
        thin_inputs: paths of layers whose input channels never all exist at the same time.
        thin_outputs: paths of layers whose output channels never all exist at the same time.
    """

    model: nn.Module
    streams: int = 0
    problem: str = ""
    thin_inputs: frozenset[str] = frozenset()
    thin_outputs: frozenset[str] = frozenset()


def fuse(model: nn.Module, example: Example | None = None) -> Fusion:
    """Fuse factored layers with the operations between them, as far as possible.

    Args:
        model: in evaluation mode.
        example: an input on which to check that the trace does what the model does; None does not check it.
    """
    if isinstance(model, Factored) or not any(isinstance(module, Factored) for module in model.modules()):
        return Fusion(model, problem="there are no operations between layers that run on spectra")
    if "forward" in vars(model):
        return Fusion(model, problem="the model overrides the forward method of its class")
    try:
        with without_hooks(model):
            traced = _Tracer().trace(model)
    except Exception as error:  # tracing can raise anything
        return Fusion(model, problem=f"the model cannot be traced: {(str(error) or repr(error)).splitlines()[0]}")
    modules = dict(model.named_modules(remove_duplicate=False))
    problem = _unquotable(modules)
    if problem:
        return Fusion(model, problem=problem)
    problem = "" if example is None else departure(model, traced, example)
    if problem:
        return Fusion(model, problem=problem)
    if example is not None:
        require(traced, example)
    leaves = {str(node.target) for node in traced.nodes if node.op == "call_module"}
    problem = _watched(modules, leaves)
    if problem:
        return Fusion(model, problem=problem)
    for node in traced.nodes:
        if in_place(node, modules):
            first = node.args[0] if node.args else None
            known = isinstance(operation(node, modules), Activation | Nothing)
            if not (known and isinstance(first, fx.Node) and is_alone(first, modules)):
                return Fusion(model, problem=f"{node.format_node()} writes to a tensor that may be used again")
    lowering = _Lowering(modules)
    for node in traced.nodes:
        lowering.lower(node)
    lowering.builder.graph._tracer_cls = Retracer
    fused = FusedModule(model, lowering.builder.graph, type(model).__name__)
    fused.graph.eliminate_dead_code()
    fused.recompile()
    for path, module in modules.items():
        if isinstance(module, CodedLayer):
            fused.add_submodule(path, module)
    complete(fused, model)
    hand_over(model, fused)
    return Fusion(
        fused.eval(),
        sum(stream.call is not None for stream in lowering.streams),
        thin_inputs=frozenset(lowering.thin_inputs),
        thin_outputs=frozenset(lowering.made - lowering.builder.expanded),
    )


def _unquotable(paths: Iterable[str]) -> str:
    """Return which module has a name that the code of a graph cannot contain; empty if none has."""
    for path in paths:
        if UNQUOTABLE.search(path):
            return f"the code of a trace cannot contain the name of module {path!r}"
    return ""


def _watched(modules: Mapping[str, nn.Module], leaves: Set[str]) -> str:
    """Return why hooks prevent replacing a part of the model; empty if all hooks would still be called."""
    inside = tuple(f"{path}." for path in leaves)
    for path, module in modules.items():
        if path and path not in leaves and not path.startswith(inside) and is_watched(module):
            return f"{path} has hooks, or its own forward method"
    return ""


def complete(fused: fx.GraphModule, model: nn.Module) -> None:
    """Copy state that the graph does not use, such as batch counters, from the original to a rewritten model."""
    there = fused.state_dict(keep_vars=True).keys()
    for name, tensor in model.state_dict(keep_vars=True).items():
        path, _, attribute = name.rpartition(".")
        if name in there or not isinstance(tensor, Tensor):
            continue
        module: nn.Module = fused
        for part in filter(None, path.split(".")):
            if part not in module._modules:
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        if isinstance(tensor, nn.Parameter):
            module.register_parameter(attribute, tensor)
        else:
            module.register_buffer(attribute, tensor)
    keep_persistence(model, fused)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(module, Factored) or super().is_leaf_module(module, module_qualified_name)


class Retracer(fx.Tracer):
    """Restores a fused model from a pickle, which contains its code. The functions of the graph are not traced into."""

    proxy_buffer_attributes = True  # otherwise, bases would become constants

    def __init__(self) -> None:
        found = (value for module in (algebra, stream) for value in vars(module).values() if isfunction(value))
        super().__init__(autowrap_functions=tuple(found))


def _is_pointwise(layer: nn.Module | None) -> bool:
    """Return whether a layer only multiplies the channels of each pixel by its weight."""
    if layer is not None and is_watched(layer):
        return False
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and type(layer) in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        whole = set(layer.kernel_size) == set(layer.stride) == {1} and layer.groups == 1
        return whole and layer.padding in ("same", "valid", (0,) * len(layer.kernel_size))
    return type(layer) is nn.Linear


class _Shape:
    """Represents the shape of a value during rewriting."""

    def __init__(self, value: Wide) -> None:
        self.value = value


class _Lowering:
    """Builds the new graph node by node; ``values`` maps nodes of the old graph to what they represent."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.modules = modules
        self.builder = Builder()
        self.values: dict[fx.Node, Value | _Shape | int] = {}
        self.streams: list[Stream] = []
        self.thin_inputs: set[str] = set()
        self.made: set[str] = set()

    def lower(self, node: fx.Node) -> None:
        """Add the operation of a node of the old graph, or defer it."""
        module = self.modules.get(str(node.target)) if node.op == "call_module" else None
        path = str(node.target)
        value: Value | _Shape | int | None
        if isinstance(module, Factored):
            value = self._layer(node, path, module)
        elif _is_pointwise(module):
            value = self._pointwise(node, path, module)
        else:
            value = self._operation(node)
        self.values[node] = self._copy(node) if value is None else value

    def _copy(self, node: fx.Node) -> Value:
        return Dense(self.builder.graph.node_copy(node, self._dense))

    def _dense(self, node: fx.Node) -> Any:
        value = self.values[node]
        if isinstance(value, _Shape):
            return self.builder.call(getattr, value.value.dense(self.builder), "shape")
        return value if isinstance(value, int) else value.dense(self.builder)

    def _input(self, node: fx.Node) -> Value | _Shape | int | None:
        first = node.args[0] if node.args else node.kwargs.get("input")
        return self.values.get(first) if isinstance(first, fx.Node) else None

    def _layer(self, node: fx.Node, path: str, layer: Factored) -> Value | None:
        x = self._input(node)
        build, last = self.builder, not isinstance(layer, FactoredConvolution)
        if (
            layer.rank is None
            or not isinstance(x, Value)
            or (isinstance(layer, FactoredConvolution) and layer.how.groups > 1)
        ):
            return None
        if layer.into is None:
            p = x.dense(build)
        else:
            p = self._project(x, path, Projection(f"{path}.into", layer.factors.length("into")), last)
        if isinstance(layer, FactoredConvolution) and layer.how.mode is not None:
            p = build.call(F.pad, p, layer.how.pad, layer.how.mode)
        tables = [build.attribute(f"{path}.{name}") for name in layer.table_names()]
        weight, places = build.attribute(f"{path}.weight"), build.attribute(f"{path}.places")
        core = build.call(algebra.core, weight, places, tables, layer.core_shape())
        bias = None if layer.bias is None else build.attribute(f"{path}.bias")
        if layer.out is None:
            if isinstance(layer, FactoredConvolution):
                return Dense(build.call(torch.convolution, p, core, bias, *layer.how.geometry, 1))
            return Dense(build.call(F.linear, p, core, bias))
        if isinstance(layer, FactoredConvolution):
            z = build.call(algebra.convolve, p, core, layer.how.geometry)
        else:
            z = build.call(algebra.multiply, p, core)
        basis = build.call(algebra.homogeneous, build.attribute(f"{path}.out"), bias)
        self.made.add(path)
        return Wide(z, basis, layer.factors.length("out"), last, layer.rank, path)

    def _project(self, x: Value, path: str, projection: Projection, last: bool) -> fx.Node:
        if not isinstance(x, Dense):
            self.thin_inputs.add(path)
        return x.project(self.builder, projection, last)

    def _pointwise(self, node: fx.Node, path: str, layer: Any) -> Value | None:
        """Lower a layer whose weight can be used as a projection."""
        x = self._input(node)
        if not isinstance(x, Value) or isinstance(x, Dense):
            return None
        last = isinstance(layer, nn.Linear)
        if not last and not x.has_pixels(len(layer.kernel_size)):
            return None
        channels = layer.in_features if last else layer.in_channels
        out = self._project(x, path, Projection(f"{path}.weight", channels, basis=False), last)
        if layer.bias is not None:
            bias = self.builder.attribute(f"{path}.bias")
            ones = [1] * (0 if last else len(layer.kernel_size))
            out = self.builder.call(torch.add, out, self.builder.call(torch.reshape, bias, [-1, *ones]))
        return Dense(out)

    def _operation(self, node: fx.Node) -> Value | _Shape | int | None:
        """Apply a node to values that are not dense; None if it needs dense values."""
        x = self._input(node)
        if isinstance(x, _Shape):
            return self._extent(x.value, node.args[1]) if node.target is operator.getitem else None
        what = operation(node, self.modules)
        if isinstance(what, Join):
            return self._join(what)
        if what is None or not isinstance(x, Value) or isinstance(x, Dense):
            return None
        if isinstance(what, Nothing):
            return x
        if isinstance(what, Size):
            plain = x.source.wide if isinstance(x, Active) and not x.pooled and not x.post else x
            if not isinstance(plain, Wide):
                return None
            return _Shape(plain) if what.axis is None else self._extent(plain, what.axis)
        if isinstance(what, nn.Module):
            return self._normalize(x, str(node.target), what)
        if isinstance(what, Activation):
            return self._activate(x, what)
        if isinstance(what, MaxPool):
            return self._pool(x, what)
        return self._spatial(x, node, what)

    def _extent(self, wide: Wide, axis: Any) -> Value | int | None:
        if not isinstance(axis, int) or not -wide.rank <= axis < wide.rank:
            return None
        axis %= wide.rank
        if axis == (wide.rank - 1 if wide.last else 1):
            return wide.count
        return Dense(self.builder.graph.call_method("size", (wide.z, axis)))

    def _join(self, what: Join) -> Value | None:
        parts = [self.values[part] for part in what.parts if isinstance(part, fx.Node)]
        values = tuple(part for part in parts if isinstance(part, Value))
        known = [part for part in values if isinstance(part, Wide | Active)]
        if not known or len(values) != len(what.parts):
            return None
        wides = [part.source.wide if isinstance(part, Active) else part for part in known]
        first = wides[0]
        channels = first.rank - 1 if first.last else 1
        if any((wide.last, wide.rank) != (first.last, first.rank) for wide in wides):
            return None
        return Joined(values, what.axis) if what.axis % first.rank == channels else None

    def _normalize(self, x: Value, path: str, norm: Any) -> Value | None:
        if not isinstance(x, Wide) or (x.last and x.rank > 2):
            return None
        build = self.builder
        if not x.homogeneous:  # the shift must be the same everywhere
            z = build.call(algebra.with_one, x.z, x.last)
            x = replace(x, z=z, basis=build.call(algebra.homogeneous, x.basis, None), made=None)
        if norm.running_mean is None or norm.running_var is None:
            moments = build.call(algebra.batch_moments, x.z, x.basis, x.last)
            mean, variance = (build.call(operator.getitem, moments, i) for i in (0, 1))
        else:
            mean, variance = (build.attribute(f"{path}.{name}") for name in ("running_mean", "running_var"))
        weight, bias = (
            None if getattr(norm, name) is None else build.attribute(f"{path}.{name}") for name in ("weight", "bias")
        )
        basis = build.call(algebra.normalize, x.basis, mean, variance, weight, bias, norm.eps)
        return replace(x, basis=basis, homogeneous=True, made=None)

    def _activate(self, x: Value, what: Activation) -> Value | None:
        if isinstance(x, Wide):
            return Active(self._stream(Stream(x, what)))
        plain = isinstance(x, Active) and x.pooled and not x.post and x.source.activation.name == "identity"
        if isinstance(x, Active) and plain and what.monotone:
            return Active(self._stream(Stream(x.source.wide, what, x.source.window)), pooled=True)
        return None

    def _pool(self, x: Value, what: MaxPool) -> Value | None:
        if isinstance(x, Wide):
            x = Active(self._stream(Stream(x, Activation("identity"))))
        if not isinstance(x, Active) or x.pooled or x.post or not x.source.wide.has_pixels(what.axes):
            return None
        window = what.extents()
        source = x.source
        if source.window and source.window != window:
            source = self._stream(Stream(source.wide, source.activation))
        source.window = window
        return Active(source, pooled=True)

    def _spatial(self, x: Value, node: fx.Node, what: Spatial) -> Value | None:
        wide = x.source.wide if isinstance(x, Active) else x
        if not isinstance(wide, Wide) or not wide.has_pixels(what.axes):
            return None
        pads = node.args[1] if node.target is F.pad and len(node.args) > 1 else node.kwargs.get("pad", ())
        if isinstance(pads, list | tuple) and len(pads) > 2 * (wide.rank - 2):
            return None

        def post(thin: fx.Node) -> fx.Node:
            copy = self.builder.graph.node_copy(node, self._dense_but(node, thin))
            copy.meta.clear()
            return copy

        if isinstance(x, Active):
            return Active(x.source, x.pooled, (*x.post, post))
        return replace(wide, z=post(wide.z), homogeneous=False, made=None)

    def _dense_but(self, node: fx.Node, thin: fx.Node) -> Any:
        first = node.args[0] if node.args else node.kwargs["input"]
        return lambda each: thin if each is first else self._dense(each)

    def _stream(self, stream: Stream) -> Stream:
        self.streams.append(stream)
        return stream
