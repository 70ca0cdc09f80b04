"""The entropy coders without compiled code: the same bytes, but slower; adaptive in Python, static in NumPy."""

from frformat.format.coders.pure.adaptive import Blocks, Model
from frformat.format.coders.pure.lanes import Lanes
from frformat.format.coders.pure.planning import choose, count, scale, sums
from frformat.format.coders.pure.rangecoder import Reader, Writer

__all__ = ["Blocks", "Lanes", "Model", "Reader", "Writer", "choose", "count", "scale", "sums"]
