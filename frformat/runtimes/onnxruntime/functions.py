"""The operations of factored layers as functions in an ONNX file: defined once, and called by each layer.

A plain export would copy them to each call, and would hold all channels of all pixels at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from frformat.torch.lowrank.stream import BLOCK, Pass

if TYPE_CHECKING:
    import onnx

DOMAIN: Final = "frz"
FLOAT, DOUBLE, LONG = 1, 11, 7

COSINES: Final = """
cosines <n, r> () => (out) {
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  two = Constant <value_int = 2> ()
  n = Constant <value_int: int = @n> ()
  r = Constant <value_int: int = @r> ()
  n2 = Mul (n, two)
  n4 = Mul (n2, two)
  column = Constant <value_ints = [1]> ()
  x0 = Range (one, n2, two)
  x = Unsqueeze (x0, column)
  i = Range (zero, r, one)
  product = Mul (x, i)
  reduced = Mod (product, n4)
  angle0 = Cast <to = 11> (reduced)
  length = Cast <to = 11> (n2)
  pi = Constant <value = double {3.141592653589793}> ()
  unit = Div (pi, length)
  angle1 = Mul (angle0, unit)
  angle = Cast <to = 1> (angle1)
  wave = Cos (angle)
  first = Equal (i, zero)
  narrow = Constant <value = double {2.0}> ()
  wide = Constant <value = double {4.0}> ()
  square = Where (first, narrow, wide)
  square1 = Div (square, length)
  scale0 = Sqrt (square1)
  scale = Cast <to = 1> (scale0)
  out = Mul (wave, scale)
}
"""
"""The DCT basis, with angles reduced in integers."""

MOMENTS: Final = """
moments{last} (z, basis) => (mean, variance) {{
  {flat}
  axis = Constant <value_ints = [1]> ()
  middle0 = ReduceMean (flat, axis)
  centered0 = Sub (flat, middle0)
  centered = Cast <to = 11> (centered0)
  pixels0 = Shape <start = 1> (flat)
  pixels = Cast <to = 11> (pixels0)
  squares = Gemm <transB = 1> (centered, centered)
  products = Div (squares, pixels)
  off = ReduceMean (centered, axis)
  offs = Gemm <transB = 1> (off, off)
  covariance = Sub (products, offs)
  wide = Cast <to = 11> (basis)
  middle1 = Cast <to = 11> (middle0)
  middle = Add (middle1, off)
  mean0 = MatMul (wide, middle)
  mean = Squeeze (mean0, axis)
  half = MatMul (wide, covariance)
  both = Mul (half, wide)
  variance0 = ReduceSum <keepdims = 0> (both, axis)
  zero = Constant <value = double {{0.0}}> ()
  variance = Max (variance0, zero)
}}
"""
"""Mean and variance of every channel of basis @ z. Gemm, since ORT 1.20 fuses a product of doubles with Transpose."""

FLAT: Final = """
  shape = Constant <value_ints = [0, 0, -1]> ()
  z3 = Reshape (z, shape)
  turned = Transpose <perm = [1, 0, 2]> (z3)
  matrix = Constant <value_ints = [0, -1]> ()
  flat = Reshape (turned, matrix)
"""
"""(N, r, …) → (r, pixels)."""

FLAT_LAST: Final = """
  every = Constant <value_ints = [-1]> ()
  rank = Shape <start = -1> (z)
  shape = Concat <axis = 0> (every, rank)
  rows = Reshape (z, shape)
  flat = Transpose <perm = [1, 0]> (rows)
"""
"""(…, r) → (r, pixels)."""

NORMALIZE: Final = """
normalize{affine} <eps> (basis, mean, variance{inputs}) => (out) {{
  eps0 = Constant <value_float: float = @eps> ()
  eps = Cast <to = 11> (eps0)
  variance1 = Cast <to = 11> (variance)
  mean1 = Cast <to = 11> (mean)
  deviation0 = Add (variance1, eps)
  deviation = Sqrt (deviation0)
  plain = Reciprocal (deviation)
  {scale}
  shift1 = Mul (mean1, scale)
  shift2 = Neg (shift1)
  {shift}
  axis = Constant <value_ints = [1]> ()
  column = Unsqueeze (scale, axis)
  wide = Cast <to = 11> (basis)
  scaled = Mul (wide, column)
  start = Constant <value_ints = [0]> ()
  end = Constant <value_ints = [-1]> ()
  most = Slice (scaled, start, end, axis)
  past = Constant <value_ints = [9223372036854775807]> ()
  last = Slice (scaled, end, past, axis)
  shift3 = Unsqueeze (shift, axis)
  last1 = Add (last, shift3)
  joined = Concat <axis = 1> (most, last1)
  out = Cast <to = 1> (joined)
}}
"""

NORM: Final = """
norm{affine} <eps> (x{inputs}) => (out) {{
  shape = Constant <value_ints = [0, 0, -1]> ()
  x3 = Reshape (x, shape)
  axes = Constant <value_ints = [0, 2]> ()
  mean = ReduceMean (x3, axes)
  centered = Sub (x3, mean)
  squares = Mul (centered, centered)
  variance = ReduceMean (squares, axes)
  eps = Constant <value_float: float = @eps> ()
  deviation0 = Add (variance, eps)
  deviation = Sqrt (deviation0)
  {scaled}
  size = Shape (x)
  out = Reshape (normal, size)
}}
"""
"""Batch normalization of (N, C, …) with the statistics of its input."""

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
"""The ONNX text of each activation of ``y``; see :func:`frformat.torch.lowrank.stream.activate`."""


def moments(last: bool) -> str:
    """Return the text of :data:`MOMENTS`."""
    return MOMENTS.format(last="_last" if last else "", flat=FLAT_LAST if last else FLAT)


def normalize(affine: bool) -> str:
    """Return the text of :data:`NORMALIZE`."""
    if not affine:
        scale, shift = "scale = Identity (plain)", "shift = Identity (shift2)"
        return NORMALIZE.format(affine="", inputs="", scale=scale, shift=shift)
    scale = "weight1 = Cast <to = 11> (weight)\n  scale = Mul (plain, weight1)"
    shift = "bias1 = Cast <to = 11> (bias)\n  shift = Add (shift2, bias1)"
    return NORMALIZE.format(affine="_affine", inputs=", weight, bias", scale=scale, shift=shift)


def norm(affine: bool) -> str:
    """Return the text of :data:`NORM`."""
    if not affine:
        return NORM.format(affine="", inputs="", scaled="normal = Div (centered, deviation)")
    scaled = """
  column = Constant <value_ints = [-1, 1]> ()
  weight1 = Reshape (weight, column)
  bias1 = Reshape (bias, column)
  scale = Div (weight1, deviation)
  scaled = Mul (centered, scale)
  normal = Add (scaled, bias1)"""
    return NORM.format(affine="_affine", inputs=", weight, bias", scaled=scaled)


def stream_name(how: Pass, axes: int) -> str:
    """Return the name of a pass, which encodes everything that :func:`stream` depends on."""
    limits = "_".join(repr(float(limit)).replace(".", "p").replace("-", "m").replace("+", "") for limit in how.limits)
    kinds = "".join("m" if pooled else "e" for pooled in how.pooled)
    window = "x".join(map(str, how.window)) if any(how.pooled) else ""
    where = "last" if how.last else str(axes)
    return "_".join(filter(None, ("stream", how.activation, limits, kinds, window, where)))


def stream(how: Pass, axes: int) -> str:
    """Return the text of ``projection @ activation(basis @ z)`` for several projections, in blocks of pixels.

    Args:
        how: see :class:`Pass`.
        axes: number of pixel axes.
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
    results = ", ".join(f"float[{'q,s' if pooled else 'f,q,s'}] o{i}" for i, pooled in enumerate(how.pooled))
    inner = ["y = MatMul (basis, zb)", activation]
    if any(how.pooled):
        inner += ["first = Constant <value_ints = [0]> ()", "most = ReduceMax <keepdims = 0> (a, first)"]
    inner += [f"o{i} = MatMul (p{i}, {'most' if pooled else 'a'})" for i, pooled in enumerate(how.pooled)]
    body = _braced(f"block (float[f,r,s] zb) => ({results})", inner)
    lines = [*_to_blocks(window), f"{scan} = Scan <num_scan_inputs = 1, body = {body}> (zb4)"]
    for i, pooled in enumerate(how.pooled):
        lines += _from_blocks(i, pooled, axes)
    return _braced(head, lines)


def _braced(head: str, lines: Sequence[str]) -> str:
    return "\n  ".join([f"{head} {{", *lines]) + "\n}"


def _to_blocks(window: Sequence[int]) -> list[str]:
    """Return the text of (N, r, …) → ``zb4``, (blocks, pixels of a window, r, windows of a block), zero-padded."""
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
    """Return the text that maps a projection's result for each block to (N, r', …)."""
    places = range(axes)
    tiles = ", ".join(f"T{j}" for j in places)
    starts = ", ".join(["i0"] * axes)
    spatial = ", ".join(f"i{j + 2}" for j in places)
    if pooled:  # (blocks, r', windows of a block)
        return [
            f"t{i} = Transpose <perm = [1, 0, 2]> (b{i})",
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
    """Return the number of windows per block."""
    return max(1, BLOCK // (channels * (_product(how.window) if any(how.pooled) else 1)))


def parsed(text: str, opset: int) -> onnx.FunctionProto:
    """Return a function of :data:`DOMAIN` from its text."""
    import onnx.parser

    return onnx.parser.parse_function(f'<domain: "{DOMAIN}", opset_import: ["": {opset}]>\n{text}')


def add_functions(model: onnx.ModelProto, texts: Mapping[str, str]) -> None:
    """Add the functions that nodes of a model call."""
    used = {node.op_type for node in model.graph.node if node.domain == DOMAIN}
    opset = next(each.version for each in model.opset_import if each.domain == "")
    model.functions.extend(parsed(texts[name], opset) for name in sorted(used))
    if used and all(each.domain != DOMAIN for each in model.opset_import):
        model.opset_import.add(domain=DOMAIN, version=1)


def _product(numbers: Sequence[int]) -> int:
    out = 1
    for number in numbers:
        out *= number
    return out
