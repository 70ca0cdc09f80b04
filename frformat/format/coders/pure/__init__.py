"""The entropy coders without compiled code: the same bytes, more slowly; adaptive in Python, static in NumPy."""

from frformat.format.coders.pure.adaptive import Block, Model, Reader, Writer
from frformat.format.coders.pure.lanes import Lanes

__all__ = ["Block", "Lanes", "Model", "Reader", "Writer"]
