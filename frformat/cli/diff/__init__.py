"""The parts of ``frformat diff``: compare two files tensor by tensor, and show the differences."""

from frformat.cli.diff.command import diff

__all__ = ["diff"]
