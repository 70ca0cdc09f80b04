"""The entropy coders in Python (adaptive) and NumPy (static): slower than compiled code, but with the same output."""

from frformat.format.coders.pure.adaptive import Blocks, Model
from frformat.format.coders.pure.lanes import Lanes
from frformat.format.coders.pure.planning import choose, count, scale, sums
from frformat.format.coders.pure.rangecoder import Reader, Writer

__all__ = ["Blocks", "Lanes", "Model", "Reader", "Writer", "choose", "count", "scale", "sums"]
