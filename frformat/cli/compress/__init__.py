"""Implement ``frformat compress``: its command line, its data and its output."""

from frformat.cli.compress.command import compress

__all__ = ["compress"]
