"""Factored layers and what is between them as one graph of thin values."""

from frformat.torch.factorization.fusion.fuse import Fusion, fuse

__all__ = ["Fusion", "fuse"]
