"""Define functions of an ONNX file that scan blocks of pixels, so that only one block has all channels in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from frformat.torch.lowrank.stream import BLOCK, Pass

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

    Args:
        how: see :class:`Pass`.
        axes: number of axes of pixels.
    """
    count = len(how.projections)
    inputs = ", ".join(f"p{i}" for i in range(count))
    outputs = ", ".join(f"out{i}" for i in range(count))
    attributes = "" if how.last else " <step>"
    head = f"{stream_name(how, axes)}{attributes} (z, basis, {inputs}) => ({outputs})"
    activation = ACTIVATIONS[how.activation].format(*map(float, how.limits))
    if how.last:
        lines = ["turned = Transpose <perm = [1, 0]> (basis)", "y = MatMul (z, turned)", activation]
        for i in range(count):
            lines += [f"t{i} = Transpose <perm = [1, 0]> (p{i})", f"out{i} = MatMul (a, t{i})"]
        return _braced(head, lines)
    window = list(how.window) if any(how.pooled) else [1] * axes
    scan = ", ".join(f"b{i}" for i in range(count))
    results = ", ".join(f"float[{1 if pooled else 'f'},q,s] o{i}" for i, pooled in enumerate(how.pooled))
    inner = ["y = MatMul (basis, zb)", activation]
    if any(how.pooled):
        pixels = ", ".join(f"a{i}" for i in range(_product(window)))  # ReduceMax is several times slower
        inner += [
            f"{pixels} = Split <axis = 0, num_outputs = {_product(window)}> (a)",
            f"most = Max ({pixels})",
        ]
    inner += [f"o{i} = MatMul (p{i}, {'most' if pooled else 'a'})" for i, pooled in enumerate(how.pooled)]
    body = _braced(f"block (float[f,r,s] zb) => ({results})", inner)
    lines = [*_to_blocks(window), f"{scan} = Scan <num_scan_inputs = 1, body = {body}> (zb4)"]
    for i, pooled in enumerate(how.pooled):
        lines += _from_blocks(i, pooled, axes)
    return _braced(head, lines)


def _braced(head: str, lines: Sequence[str]) -> str:
    return "\n  ".join([f"{head} {{", *lines]) + "\n}"


def _to_blocks(window: Sequence[int]) -> list[str]:
    """Return lines that convert (N, r, …) to ``zb4`` (blocks, pixels of a window, r, windows of a block), padded."""
    axes = len(window)
    places = range(axes)
    order = [2 + 2 * i + 1 for i in places] + [1, 0] + [2 + 2 * i for i in places]
    lines = [f"i{i} = Constant <value_ints = [{i}]> ()" for i in range(axes + 3)]
    lines += [
        "every = Constant <value_ints = [-1]> ()",
        "size = Shape (z)",
        "N = Slice (size, i0, i1)",
        "R = Slice (size, i1, i2)",
    ]
    lines += [f"phases = Constant <value_ints = [{_product(window)}]> ()"]
    for i, k in enumerate(window):
        lines += [
            f"k{i} = Constant <value_ints = [{k}]> ()",
            f"less{i} = Constant <value_ints = [{k - 1}]> ()",
            f"S{i} = Slice (size, i{i + 2}, i{i + 3})",
            f"up{i} = Add (S{i}, less{i})",
            f"T{i} = Div (up{i}, k{i})",
            f"full{i} = Mul (T{i}, k{i})",
            f"more{i} = Sub (full{i}, S{i})",
            f"floor{i} = Div (S{i}, k{i})",
        ]
    lines += [
        f"pads = Concat <axis = 0> ({', '.join(['i0'] * (axes + 4) + [f'more{i}' for i in places])})",
        "zp = Pad (z, pads)",
        f"split = Concat <axis = 0> (N, R, {', '.join(f'T{i}, k{i}' for i in places)})",
        "zs = Reshape (zp, split)",
        f"zt = Transpose <perm = {order}> (zs)",
        "flat = Concat <axis = 0> (phases, R, every)",
        "z3 = Reshape (zt, flat)",
        "whole = Shape <start = 2> (z3)",
        "step = Constant <value_ints: ints = @step> ()",
        "block = Min (step, whole)",
        "ends = Add (whole, block)",
        "ends1 = Sub (ends, i1)",
        "blocks = Div (ends1, block)",
        "all = Mul (blocks, block)",
        "rest = Sub (all, whole)",
        "pads3 = Concat <axis = 0> (i0, i0, i0, i0, i0, rest)",
        "z3p = Pad (z3, pads3)",
        "shape4 = Concat <axis = 0> (phases, R, blocks, block)",
        "z4 = Reshape (z3p, shape4)",
        "zb4 = Transpose <perm = [2, 0, 1, 3]> (z4)",
    ]
    return lines


def _from_blocks(i: int, pooled: bool, axes: int) -> list[str]:
    """Return lines that join the results of a projection for all blocks to (N, r', …)."""
    places = range(axes)
    tiles = ", ".join(f"T{j}" for j in places)
    starts = ", ".join(["i0"] * axes)
    spatial = ", ".join(f"i{j + 2}" for j in places)
    if pooled:  # (blocks, 1, r', windows of a block)
        return [
            f"t{i} = Transpose <perm = [2, 0, 1, 3]> (b{i})",
            f"q{i} = Shape <end = 1> (t{i})",
            f"s{i} = Concat <axis = 0> (q{i}, every)",
            f"f{i} = Reshape (t{i}, s{i})",
            f"g{i} = Slice (f{i}, i0, whole, i1)",
            f"h{i} = Concat <axis = 0> (q{i}, N, {tiles})",
            f"m{i} = Reshape (g{i}, h{i})",
            f"n{i} = Transpose <perm = {[1, 0, *(j + 2 for j in places)]}> (m{i})",
            f"st{i} = Concat <axis = 0> ({starts})",
            f"en{i} = Concat <axis = 0> ({', '.join(f'floor{j}' for j in places)})",
            f"ax{i} = Concat <axis = 0> ({spatial})",
            f"out{i} = Slice (n{i}, st{i}, en{i}, ax{i})",
        ]
    order = [axes + 1, axes]
    for j in places:
        order += [axes + 2 + j, j]
    return [  # (blocks, pixels of a window, r', windows of a block)
        f"t{i} = Transpose <perm = [1, 2, 0, 3]> (b{i})",
        f"q{i} = Shape <start = 1, end = 2> (t{i})",
        f"s{i} = Concat <axis = 0> (phases, q{i}, every)",
        f"f{i} = Reshape (t{i}, s{i})",
        f"g{i} = Slice (f{i}, i0, whole, i2)",
        f"h{i} = Concat <axis = 0> ({', '.join(f'k{j}' for j in places)}, q{i}, N, {tiles})",
        f"m{i} = Reshape (g{i}, h{i})",
        f"n{i} = Transpose <perm = {order}> (m{i})",
        f"w{i} = Concat <axis = 0> (N, q{i}, {', '.join(f'full{j}' for j in places)})",
        f"v{i} = Reshape (n{i}, w{i})",
        f"st{i} = Concat <axis = 0> ({starts})",
        f"en{i} = Concat <axis = 0> ({', '.join(f'S{j}' for j in places)})",
        f"ax{i} = Concat <axis = 0> ({spatial})",
        f"out{i} = Slice (v{i}, st{i}, en{i}, ax{i})",
    ]


def step(how: Pass, channels: int) -> int:
    """Return the number of windows in a block."""
    return max(1, BLOCK // (channels * (_product(how.window) if any(how.pooled) else 1)))


def _product(numbers: Sequence[int]) -> int:
    out = 1
    for number in numbers:
        out *= number
    return out
