"""Leave out windows of pooling layers that ONNX Runtime 1.20 should not have computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

OPERATORS = ("MaxPool", "AveragePool", "LpPool")


def crop_windows(graph: onnx.GraphProto) -> None:
    """Slice the results of pooling with ``ceil_mode`` to the windows that start in the input or to its left.

    ONNX Runtime 1.20 also returns windows that start in the padding to the right. Later releases do not, and then the
    slice changes nothing.

    Args:
        graph: modified in place. New values have long names.
    """
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        graph.node.append(node)
        if node.op_type in OPERATORS:
            graph.node.extend(_cropped(graph.node[-1]))


def _cropped(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return the nodes to add after a pooling node, whose outputs are renamed."""
    import onnx

    facts: dict[str, Any] = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    kernel = facts["kernel_shape"]
    axes = len(kernel)
    strides, dilations = facts.get("strides", [1] * axes), facts.get("dilations", [1] * axes)
    pads = facts.get("pads", [0] * 2 * axes)
    left, right = pads[:axes], pads[axes:]
    widths = [dilation * (size - 1) + 1 for dilation, size in zip(dilations, kernel, strict=True)]
    if not facts.get("ceil_mode") or all(r + s <= w for r, s, w in zip(right, strides, widths, strict=True)):
        return []
    last = [a + b - w + s - 1 for a, b, w, s in zip(left, right, widths, strides, strict=True)]
    base = f"{node.output[0]}: windows"
    added: list[onnx.NodeProto] = []

    def add(operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{base} {len(added)}"
        added.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(*values: int) -> str:
        return add("Constant", value_ints=values)

    shape, steps = add("Shape", node.input[0], start=2), constant(*strides)
    fit = add("Div", add("Add", shape, constant(*last)), steps)
    started = add("Div", add("Add", shape, constant(*(a - 1 for a in left))), steps)
    ends = add("Add", add("Min", fit, started), constant(*[1] * axes))
    starts, where = constant(*[0] * axes), constant(*range(2, 2 + axes))
    for i, name in enumerate(node.output):
        node.output[i] = f"{name}: all windows"
        added.append(onnx.helper.make_node("Slice", [node.output[i], starts, ends, where], [name]))
    return added
