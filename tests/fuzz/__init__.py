"""Damaged files of other programs: reading one ends in data or in one typed error that names the file."""

import os
from typing import Final

SCRATCH: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""The folder for inputs, if there is one in memory: writing one to a disk may take longer than reading it."""
