"""Fuse factored layers and the operations between them into one graph of thin values."""

from frformat.torch.factorization.fusion.fuse import Fusion, fuse

__all__ = ["Fusion", "fuse"]
