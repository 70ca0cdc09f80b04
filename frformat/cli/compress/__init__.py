"""What ``frformat compress`` runs models on, does, and tells."""

from frformat.cli.compress.command import compress

__all__ = ["compress"]
