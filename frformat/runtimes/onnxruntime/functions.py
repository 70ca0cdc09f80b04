"""Define the operations of factored layers as functions in an ONNX file, each shared by all layers that call it.

A plain export would repeat the operations for every call, and would keep all channels of all pixels in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from frformat.runtimes.onnxruntime.blocks import CUT, braced, cuts
from frformat.torch.lowrank.algebra import CENTER

if TYPE_CHECKING:
    import onnx

DOMAIN: Final = "frz"

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
"""The DCT basis. Angles are reduced in integer arithmetic."""

MOMENTS: Final = (
    "products = Div (sums, pixels)",
    "off = Slice (products, last, past, first)",
    "offs = Gemm <transB = 1> (off, off)",
    "covariance = Sub (products, offs)",
    "wide = Cast <to = 11> (basis)",
    "center1 = Cast <to = 11> (center)",
    "middle = Add (center1, off)",
    "mean0 = MatMul (wide, middle)",
    "mean = Squeeze (mean0, first)",
    "half = MatMul (wide, covariance)",
    "both = Mul (half, wide)",
    "variance0 = ReduceSum <keepdims = 0> (both, first)",
    "none = Constant <value = double {0.0}> ()",
    "variance = Max (variance0, none)",
)
"""Mean and variance of every channel of basis @ z, from the sums of products of coefficients. Uses Gemm, because ONNX
Runtime 1.20 fuses MatMul and Transpose into a node that fails for doubles."""

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
"""Batch normalization of (N, C, …) with the statistics of the input."""


def moments(last: bool) -> str:
    """Return a function that computes the mean and variance of every channel of ``basis @ z``, block by block.

    A mean of a few pixels is subtracted first; see :func:`frformat.torch.lowrank.algebra.batch_moments`.

    Args:
        last: whether channels are the last axis of ``z``. Otherwise, they are axis 1.
    """
    axis = 0 if last else 2
    inner = "block (int64 i, bool cond, double[] sum) => (bool keep, double[] next)"
    body = [
        *CUT,
        *_flat("zb", "flat", last),
        "centered0 = Sub (flat, center)",
        "centered = Cast <to = 11> (centered0)",
        "next = Gemm <transB = 1> (centered, centered, sum)",
    ]
    name = "moments_last" if last else "moments"
    rows = [
        "all = Constant <value_ints = [-1]> ()",
        "rank0 = Shape <start = -1> (x)",
        "shape = Concat <axis = 0> (all, rank0)",
        "z = Reshape (x, shape)",
    ]
    return braced(
        f"{name} ({'x' if last else 'z'}, basis) => (mean, variance)",
        [
            *(rows if last else []),
            "one = Constant <value_int = 1> ()",
            "elements = Size (z)",
            f"length1 = Shape <start = {axis}, end = {axis + 1}> (z)",
            "length = Squeeze (length1)",
            "length2 = Max (length, one)",
            "row = Div (elements, length2)",
            *cuts(axis, 1, "row"),
            "begin = Constant <value_ints = [0]> ()",
            "last = Constant <value_ints = [-1]> ()",
            "three = Constant <value_ints = [0, 0, -1]> ()",
            "two = Constant <value_ints = [0, -1]> ()",
            f"few = Constant <value_ints = [{CENTER if last else 1}]> ()",
            "sample = Slice (z, begin, few, axis)",
            *_flat("sample", "sample1", last),
            "sample2 = ReduceMean (sample1, first)",
            "sample3 = Slice (sample2, begin, last, begin)",
            "still = Constant <value = float[1, 1] {0.0}> ()",
            "center = Concat <axis = 0> (sample3, still)",
            "rank = Shape <end = 1> (center)",
            "square = Concat <axis = 0> (rank, rank)",
            "nothing = ConstantOfShape <value = double[1] {0.0}> (square)",
            f"sums = Loop <body = {braced(inner, body)}> (blocks, always, nothing)",
            "corner = Constant <value_ints = [-1, -1]> ()",
            "pasts = Concat <axis = 0> (past, past)",
            "pixels = Slice (sums, corner, pasts)",
            *MOMENTS,
        ],
    )


def _flat(thin: str, out: str, last: bool) -> list[str]:
    """Return lines that reshape (pixels, r) or (N, r, …) to (r, pixels)."""
    if last:
        return [f"{out} = Transpose <perm = [1, 0]> ({thin})"]
    return [
        f"{out}_3 = Reshape ({thin}, three)",
        f"{out}_t = Transpose <perm = [1, 0, 2]> ({out}_3)",
        f"{out} = Reshape ({out}_t, two)",
    ]


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


def parsed(text: str, opset: int) -> onnx.FunctionProto:
    """Parse a function of :data:`DOMAIN` from its text."""
    import onnx.parser

    return onnx.parser.parse_function(f'<domain: "{DOMAIN}", opset_import: ["": {opset}]>\n{text}')


def add_functions(model: onnx.ModelProto, texts: Mapping[str, str]) -> None:
    """Add to a model the functions that its nodes call."""
    used = {node.op_type for node in model.graph.node if node.domain == DOMAIN}
    opset = next(each.version for each in model.opset_import if each.domain == "")
    model.functions.extend(parsed(texts[name], opset) for name in sorted(used))
    if used and all(each.domain != DOMAIN for each in model.opset_import):
        model.opset_import.add(domain=DOMAIN, version=1)
