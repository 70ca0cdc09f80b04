"""Replace parts of an axis of variable length with slices. The optimizer fails for sequences of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx_ir as ir


def slice_parts(model: ir.Model) -> None:
    """Replace the sequences that ``x.chunk(2)``, ``x.split(n // 2)`` and ``x.unbind()`` create.

    Args:
        model: modified in place. All functions must have been inlined.
    """
    import onnx_ir as ir

    for split in [node for node in model.graph if node.op_type == "SplitToSequence"]:
        whole, size = (*split.inputs, None)[:2]
        axis = split.attributes["axis"].as_int()
        if size is not None and (size.shape is None or len(size.shape) or ir.convenience.get_const_tensor(size)):
            continue  # the optimizer knows the number of parts, or leaves the sequence
        for part, _ in list(split.outputs[0].uses()):
            nodes = _element(whole, part.inputs[1], axis) if size is None else _part(whole, part.inputs[1], size, axis)
            found, old = nodes[-1].outputs[0], part.outputs[0]
            found.shape, found.type = old.shape, old.type
            ir.convenience.replace_all_uses_with(old, found, True)
            model.graph.insert_before(part, nodes)
            model.graph.remove(part, safe=True)
        model.graph.remove(split, safe=True)


def _element(whole: Any, index: Any, axis: int) -> list[ir.Node]:
    """Return the nodes that select one index of an axis."""
    import onnx_ir as ir

    return [ir.node("Gather", [whole, index], {"axis": axis})]


def _part(whole: Any, index: Any, size: Any, axis: int) -> list[ir.Node]:
    """Return the nodes that select one of the parts of an axis, which have a certain length."""
    import onnx_ir as ir

    flat, along = (ir.node("Constant", [], {"value_ints": [n]}) for n in (-1, axis))
    start = ir.node("Mul", [size, index])
    end = ir.node("Add", [start.outputs[0], size])
    bounds = [ir.node("Reshape", [each.outputs[0], flat.outputs[0]]) for each in (start, end)]
    part = ir.node("Slice", [whole, *(each.outputs[0] for each in (*bounds, along))])
    return [flat, along, start, end, *bounds, part]
