"""Reduce the exporter's graphs to a few kilobytes."""

from __future__ import annotations

import itertools
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

from frformat.runtimes.onnxruntime.checks import PREFIX
from frformat.runtimes.onnxruntime.pooling import complete_windows
from frformat.runtimes.onnxruntime.splits import slice_parts

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

MOST: Final = 64
"""Maximum size of precomputed constants in bytes. Larger constants take more space than the nodes that compute them."""

NEUTRAL: Final = {"dilations": 1, "strides": 1, "pads": 0, "output_padding": 0}
"""Attributes whose default is the given number for every axis."""


def simplify(model: ir.Model, weights: Collection[str]) -> None:
    """Precompute constants and merge common subexpressions. Weights do not count as constants and stay unchanged."""
    import onnx_ir.passes.common as passes
    from onnxscript.optimizer import optimize_ir

    kept = {name: model.graph.initializers.pop(name) for name in weights if name in model.graph.initializers}
    elements = {name: value.const_value for name, value in kept.items()}
    for value in kept.values():
        value.const_value = None
        model.graph.inputs.append(value)
    passes.InlinePass()(model)
    slice_parts(model)
    optimize_ir(model, input_size_limit=MOST, output_size_limit=MOST)
    for each in (
        passes.CommonSubexpressionEliminationPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.RemoveUnusedNodesPass(),
    ):
        each(model)
    for name, value in kept.items():
        model.graph.inputs.remove(value)
        value.const_value = elements[name]
        model.graph.register_initializer(value)


def strip(model: onnx.ModelProto, weights: Collection[str]) -> None:
    """Remove descriptive names, except those of checks, and default attributes. These make up most of a file.

    Args:
        model: modified in place. Values between nodes are given short names.
        weights: names of the initializers to keep.
    """
    graph = model.graph
    complete_windows(graph)
    for each in [*_nodes(graph), *graph.initializer, *graph.input, *graph.output, graph, model, *model.functions]:
        del each.metadata_props[:]
        each.ClearField("doc_string")
    for node in _nodes(graph):
        if not node.name.startswith(PREFIX):
            node.ClearField("name")
        for attribute in [each for each in node.attribute if _is_default(node, each)]:
            node.attribute.remove(attribute)
    del graph.value_info[:]
    graph.name, model.producer_name = "frz", "frformat"
    model.ClearField("producer_version")
    _rename(graph, {*weights, *(each.name for each in [*graph.input, *graph.output])})
    for function in model.functions:
        _rename_function(function)
    _name_axes(graph)
    for nodes in (graph.node, *(function.node for function in model.functions)):
        _name_parts(nodes)


def _name_axes(graph: onnx.GraphProto) -> None:
    """Say which axis to remove from a length, a value of shape (1,).

    ONNX Runtime 1.23 and older lose such values otherwise, and then reject the graph.
    """
    import onnx

    lengths = {node.output[0] for node in graph.node if node.op_type == "Shape" and len(node.attribute) == 2}
    squeezes = [node for node in graph.node if node.op_type == "Squeeze" and node.input[0] in lengths]
    squeezes = [node for node in squeezes if len(node.input) == 1]
    if squeezes:
        taken = {name for node in _nodes(graph) for name in (*node.input, *node.output)}
        taken |= {each.name for each in (*graph.initializer, *graph.input, *graph.output)}
        name = next(name for name in _short() if name not in taken)
        graph.initializer.append(onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [1], [0]))
        for node in squeezes:
            node.input.append(name)


def _name_parts(nodes: Collection[onnx.NodeProto]) -> None:
    """Name the nodes that select a part of a value if several nodes select parts of the same value.

    ONNX Runtime 1.20 fuses such nodes into a Split named after one of them, and rejects two nodes with the same name.
    """
    parts = [node for node in nodes if node.op_type in {"Gather", "Slice"}]
    counts = Counter(node.input[0] for node in parts)
    parts = [node for node in parts if counts[node.input[0]] > 1 and not node.name]
    for node, name in zip(parts, _short(), strict=False):
        node.name = name


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield all nodes, including those of inner graphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == attribute.GRAPH:
                yield from _nodes(attribute.g)


def _is_default(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> bool:
    """Return whether an attribute equals the operator's default."""
    import onnx

    if node.domain:
        return False
    value = onnx.helper.get_attribute_value(attribute)
    if node.op_type.startswith(("Conv", "MaxPool", "AveragePool")):
        if attribute.name in NEUTRAL:
            return set(value) <= {NEUTRAL[attribute.name]}
        if attribute.name == "kernel_shape" and node.op_type.startswith("Conv"):
            return True  # the default is the size of the weight's kernel
    default = onnx.defs.get_schema(node.op_type).attributes[attribute.name].default_value
    return bool(default.type) and onnx.helper.get_attribute_value(default) == value


def _rename(graph: onnx.GraphProto, kept: set[str]) -> None:
    """Rename all values except those in ``kept``. The most frequent values get the shortest names."""
    counts: dict[str, int] = {}

    def count(name: str) -> str:
        counts[name] = counts.get(name, 0) + 1
        return name

    _each_name(graph, count)
    fresh = (name for name in _short() if name not in kept)
    order = sorted((name for name in counts if name and name not in kept), key=lambda name: -counts[name])
    names = dict(zip(order, fresh, strict=False))
    _each_name(graph, lambda name: names.get(name, name))


def _rename_function(function: onnx.FunctionProto) -> None:
    import onnx

    inputs, outputs = ([onnx.ValueInfoProto(name=name) for name in each] for each in (function.input, function.output))
    graph = onnx.helper.make_graph(function.node, "", inputs, outputs)
    _rename(graph, set())
    for old, new in ((function.node, graph.node), (function.input, graph.input), (function.output, graph.output)):
        del old[:]
        old.extend([each.name for each in new] if old is not function.node else new)


def _each_name(graph: onnx.GraphProto, change: Callable[[str], str]) -> None:
    named: Any
    for named in (*graph.initializer, *graph.input, *graph.output):
        named.name = change(named.name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [change(name) for name in names]
        for attribute in node.attribute:
            if attribute.type == attribute.GRAPH:
                _each_name(attribute.g, change)


def _short() -> Iterator[str]:
    for length in itertools.count(1):
        yield from map("".join, itertools.product(string.ascii_letters, repeat=length))
