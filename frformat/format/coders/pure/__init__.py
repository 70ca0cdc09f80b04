"""The entropy coders without compiled code: the same bytes, more slowly. The adaptive coder in Python, the static in NumPy."""

from frformat.format.coders.pure.adaptive import Block, Model, Reader, Writer
from frformat.format.coders.pure.lanes import Lanes

__all__ = ["Block", "Lanes", "Model", "Reader", "Writer"]
