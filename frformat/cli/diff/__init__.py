"""What ``frformat diff`` finds out and shows: two files side by side, tensor by tensor."""

from frformat.cli.diff.command import diff

__all__ = ["diff"]
