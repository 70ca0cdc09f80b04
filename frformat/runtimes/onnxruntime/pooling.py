"""Write pooling layers so that ONNX Runtime 1.20 computes their incomplete windows correctly, as later releases do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import onnx

OPERATORS: Final = ("MaxPool", "AveragePool", "LpPool")


def complete_windows(graph: onnx.GraphProto) -> None:
    """Rewrite pooling with ``ceil_mode``, which allows incomplete windows. Results stay the same.

    ONNX Runtime 1.20 also returns windows that start in the padding to the right, so these are sliced off. It divides
    the sum of an incomplete window by the number of elements of a complete one if it counts padding, so padding becomes
    part of the input.

    Args:
        graph: modified in place. New values have long names.
    """
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        cropped = _cropped(node) if node.op_type in OPERATORS else []
        graph.node.extend([*(_padded(node) if node.op_type == "AveragePool" else []), node, *cropped])


def _padded(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Make a node that counts padding one without padding, and return the nodes that pad its input."""
    import onnx

    facts = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if not (facts.get("ceil_mode") and facts.get("count_include_pad")):
        return []
    for attribute in [each for each in node.attribute if each.name in ("count_include_pad", "pads")]:
        node.attribute.remove(attribute)
    pads = facts.get("pads", [])
    if not any(pads):
        return []
    half, x, name = len(pads) // 2, node.input[0], f"{node.output[0]}: padded"
    make, some, one, by = onnx.helper.make_node, f"{name}, some", f"{name}, one", f"{name}, by"
    added = [  # the padding depends on the input, or ONNX Runtime 1.20 would merge it with the pooling
        make("Constant", [], [one], value_int=1),
        make("Constant", [], [f"{name}, all"], value_ints=[0, 0, *pads[:half], 0, 0, *pads[half:]]),
        make("Size", [x], [f"{name}, size"]),
        make("Min", [f"{name}, size", one], [some]),
        make("Mul", [f"{name}, all", some], [by]),
        make("Pad", [x, by], [name]),
    ]
    node.input[0] = name
    return added


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
