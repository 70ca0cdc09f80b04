"""State in an ONNX graph which indices are valid, as far as they are elements of inputs.

ONNX Runtime fails for other indices, and quotes the name of the node that fails: ``frz: 0 <= x < 1000``. It counts
negative indices from the end, so those for which PyTorch fails are replaced.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from frformat.runtimes.onnxruntime.checks import PREFIX

if TYPE_CHECKING:
    import onnx_ir as ir

LOOKUPS: Final = ("Gather", "GatherElements", "GatherND")
"""The operators that select parts of a value by indices."""

SAME: Final = ("Cast", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")
"""Operators whose results contain only elements of their first input."""


def nonnegative(indices: Any, data: Any, axis: int) -> Any:
    """Return indices with the length of an axis, which is too large, in place of those that are negative.

    The condition also keeps ONNX Runtime from replacing a lookup of the first n rows, such as those of positions, by a
    slice, which does not fail if there are fewer.

    Args:
        indices: a value of the graph.
        data: the value from which they select.
        axis: the axis along which they select.
    """
    if not len(data.shape):
        return indices
    from onnxscript import opset18 as op

    like: Any = op.CastLike
    axis %= len(data.shape)
    count = data.shape[axis]
    if isinstance(count, int):
        length = op.Constant(value_int=count)
    else:
        length = op.Squeeze(op.Shape(data, start=axis, end=axis + 1))
    negative = op.Less(indices, like(op.Constant(value_int=0), indices))
    found = op.Where(negative, like(length, indices), indices)
    found.shape, found.dtype = indices.shape, indices.dtype
    return found


def name_lookups(model: ir.Model) -> None:
    """Give the nodes of a graph that select by elements of an input the rule for them as their name."""
    counts: Counter[str] = Counter()
    for node in model.graph:
        if node.op_type not in LOOKUPS:
            continue
        data, indices = node.inputs
        if data is None or data.shape is None or indices is None or (node.op_type == "GatherND" and not _single(node)):
            continue
        count = data.shape[_integer(node, "axis")]
        if not isinstance(count, int):
            continue
        given = source(indices)
        guard = given.producer()
        if guard is not None and guard.op_type == "Where":
            given = source(guard.inputs[2])
        if given in model.graph.inputs:
            text = f"{0 if guard is not None else -count} <= {given.name} < {count}"
            node.name = PREFIX + (text if counts[text] == 0 else f"{text} ({counts[text]})")
            counts[text] += 1


def _single(node: ir.Node) -> bool:
    """Return whether a GatherND node selects by single indices of the first axis."""
    shape = node.inputs[1].shape if node.inputs[1] is not None else None
    return shape is not None and shape[-1] == 1 and not _integer(node, "batch_dims")


def _integer(node: ir.Node, name: str) -> int:
    """Return an attribute whose default is 0."""
    return node.attributes[name].as_int() if name in node.attributes else 0


def source(value: Any) -> Any:
    """Return the value from which all elements of a value come."""
    node = value.producer()
    while node is not None and node.op_type in SAME:
        value = node.inputs[0]
        node = value.producer()
    return value
