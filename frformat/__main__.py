"""Run the command line as ``python -m frformat``."""

from frformat.cli import main

main()
