"""``python -m frformat``: the command line."""

from frformat.cli import main

main()
