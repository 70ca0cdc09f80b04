"""Split thin values into blocks that a Loop of an ONNX function visits one at a time."""

from __future__ import annotations

from typing import Final

from frformat.torch.lowrank.stream import BLOCK

CUT: Final = (
    "keep = Identity (cond)",
    "start = Gather (starts, i)",
    "end = Gather (ends, i)",
    "zb = Slice (z, start, end, axis)",
)
"""Start of a Loop's body with the inputs ``i`` and ``cond``: set ``zb`` to block ``i`` of ``z``."""


def cuts(axis: int, window: int, per_row: str) -> list[str]:
    """Return lines that set ``starts`` and ``ends`` of the blocks, their number ``blocks``, and ``always`` (true).

    The last block also contains rows that do not fill a window. The lines use ``one``, the scalar 1.

    Args:
        axis: the axis along which ``z`` is split. A row is everything that ``z`` contains at one index.
        window: number of rows in a window. Every block but the last consists of whole windows.
        per_row: name of a scalar, the number of elements that are computed for each row. A block of several windows
            has at most :data:`frformat.torch.lowrank.stream.BLOCK`.
    """
    return [
        "zero = Constant <value_int = 0> ()",
        "first = Constant <value_ints = [1]> ()",
        f"axis = Constant <value_ints = [{axis}]> ()",
        "past = Constant <value_ints = [9223372036854775807]> ()",
        f"window = Constant <value_int = {window}> ()",
        f"most = Constant <value_int = {BLOCK}> ()",
        f"height1 = Shape <start = {axis}, end = {axis + 1}> (z)",
        "height = Squeeze (height1)",
        f"tall = Mul ({per_row}, window)",
        "tall1 = Max (tall, one)",
        "fit = Div (most, tall1)",
        "fit1 = Max (fit, one)",
        "step = Mul (fit1, window)",
        "windows = Div (height, window)",
        "full = Mul (windows, window)",
        "starts1 = Range (zero, full, step)",
        "later = Slice (starts1, first, past)",
        "ends1 = Concat <axis = 0> (later, past)",
        "starts = Unsqueeze (starts1, first)",
        "ends = Unsqueeze (ends1, first)",
        "blocks = Size (starts)",
        "always = Equal (one, one)",
    ]


def braced(head: str, lines: list[str]) -> str:
    """Return the text of a function or an inner graph."""
    return "\n  ".join([f"{head} {{", *lines]) + "\n}"
