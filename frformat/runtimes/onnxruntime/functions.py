"""Define the operations of factored layers as functions in an ONNX file, each shared by all layers that call it.

A plain export would repeat the operations for every call, and would keep all channels of all pixels in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

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
"""Mean and variance of every channel of basis @ z. Uses Gemm, because ONNX Runtime 1.20 fuses MatMul and Transpose into
a node that fails for doubles."""

FLAT: Final = """
  shape = Constant <value_ints = [0, 0, -1]> ()
  z3 = Reshape (z, shape)
  turned = Transpose <perm = [1, 0, 2]> (z3)
  matrix = Constant <value_ints = [0, -1]> ()
  flat = Reshape (turned, matrix)
"""
"""Reshape (N, r, …) to (r, pixels)."""

FLAT_LAST: Final = """
  every = Constant <value_ints = [-1]> ()
  rank = Shape <start = -1> (z)
  shape = Concat <axis = 0> (every, rank)
  rows = Reshape (z, shape)
  flat = Transpose <perm = [1, 0]> (rows)
"""
"""Reshape (…, r) to (r, pixels)."""

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
