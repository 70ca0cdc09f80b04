"""Damaged files in other programs' formats: reading one returns data or raises a typed error that names the file."""

import os
from typing import Final

SCRATCH: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Folder for inputs, in memory if possible: writing an input to a disk can take longer than reading it."""
