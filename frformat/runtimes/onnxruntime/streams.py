"""Define ONNX functions that loop over blocks of pixels, so that only one block at a time needs all its channels."""

from __future__ import annotations

from typing import Final

from frformat.runtimes.onnxruntime.blocks import CUT, braced, cuts
from frformat.torch.lowrank.stream import Pass

SEQUENCE: Final = "seq(float[]) "

PER_ROW: Final = (
    "elements = Size (z)",
    "inner = Shape <start = 1, end = 3> (z)",
    "column = ReduceProd <keepdims = 0> (inner)",
    "column1 = Max (column, one)",
    "width = Div (elements, column1)",
    "channels1 = Shape <end = 1> (basis)",
    "channels = Squeeze (channels1)",
    "expanded = Mul (width, channels)",
)
"""Set ``expanded`` to the number of elements of all channels in one row along axis 2 of ``z`` (N, r, …)."""

ACTIVATIONS: Final = {
    "relu": "a = Relu (y)",
    "hardtanh": """
    low = Constant <value_float = {0!r}> ()
    high = Constant <value_float = {1!r}> ()
    a = Clip (y, low, high)""",
    "leaky_relu": "a = LeakyRelu <alpha = {0!r}> (y)",
    "elu": "a = Elu <alpha = {0!r}> (y)",
    "sigmoid": "a = Sigmoid (y)",
    "tanh": "a = Tanh (y)",
    "silu": """
    s = Sigmoid (y)
    a = Mul (y, s)""",
    "hardswish": "a = HardSwish (y)",
    "gelu": "a = Gelu (y)",
    "gelu_tanh": 'a = Gelu <approximate = "tanh"> (y)',
    "identity": "a = Identity (y)",
}
"""The operation that each activation applies to ``y``; see :func:`frformat.torch.lowrank.stream.activate`."""


def stream_name(how: Pass, axes: int) -> str:
    """Return the name of a pass, which encodes everything that :func:`stream` depends on."""
    limits = "_".join(repr(float(limit)).replace(".", "p").replace("-", "m").replace("+", "") for limit in how.limits)
    kinds = "".join("m" if pooled else "e" for pooled in how.pooled)
    window = "x".join(map(str, how.window)) if any(how.pooled) else ""
    where = "last" if how.last else str(axes)
    return "_".join(filter(None, ("stream", how.activation, limits, kinds, window, where)))


def stream(how: Pass, axes: int) -> str:
    """Return a function that computes ``projection @ activation(basis @ z)`` for several projections, block by block.

    A block consists of whole rows along the first axis of pixels, so that results only need to be joined.

    Args:
        how: see :class:`Pass`.
        axes: number of axes of pixels.
    """
    count = len(how.projections)
    every = range(count)
    head = f"{stream_name(how, axes)} (z, basis, {_list('p', every)}) => ({_list('out', every)})"
    activation = ACTIVATIONS[how.activation].format(*map(float, how.limits))
    if how.last:
        lines = ["turned = Transpose <perm = [1, 0]> (basis)", "y = MatMul (z, turned)", activation]
        for i in every:
            lines += [f"t{i} = Transpose <perm = [1, 0]> (p{i})", f"out{i} = MatMul (a, t{i})"]
        return braced(head, lines)
    window = list(how.window) if any(how.pooled) else [1]
    body = [*CUT, "y = Conv (zb, wide)", activation]
    if any(how.pooled):
        body.append(f"top = MaxPool <kernel_shape = {window}, strides = {window}> (a)")
    for i, pooled in enumerate(how.pooled):
        body += [f"o{i} = Conv ({'top' if pooled else 'a'}, w{i})", f"n{i} = SequenceInsert (s{i}, o{i})"]
    inner = f"block (int64 i, bool cond, {_list(SEQUENCE + 's', every)}) => (bool keep, {_list(SEQUENCE + 'n', every)})"
    lines = [
        "one = Constant <value_int = 1> ()",
        *PER_ROW,
        *cuts(2, window[0], "expanded"),
        f"pixel = Constant <value_ints = {[2 + i for i in range(axes)]}> ()",
        "wide = Unsqueeze (basis, pixel)",
    ]
    for i in every:
        lines += [f"w{i} = Unsqueeze (p{i}, pixel)", f"e{i} = SequenceEmpty ()"]
    lines.append(f"{_list('f', every)} = Loop <body = {braced(inner, body)}> (blocks, always, {_list('e', every)})")
    lines += [f"out{i} = ConcatFromSequence <axis = 2> (f{i})" for i in every]
    return braced(head, lines)


def _list(prefix: str, numbers: range) -> str:
    return ", ".join(f"{prefix}{i}" for i in numbers)
