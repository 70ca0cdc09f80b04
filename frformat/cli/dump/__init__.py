"""The parts of ``frformat dump``: the listing, one tensor, every byte, and a picture."""

from frformat.cli.dump.command import dump

__all__ = ["dump"]
