"""What ``frformat dump`` finds out and shows: the listing, one spectrum, every byte, a picture."""

from frformat.cli.dump.command import dump

__all__ = ["dump"]
