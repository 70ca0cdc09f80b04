"""Errors of the data loaders."""

from __future__ import annotations


class MissingDataError(FileNotFoundError):
    """Raised if a data set is missing; the message names it, and says where it was expected and how to get it."""


class DataError(ValueError):
    """Raised if a data file is damaged or is not of the expected kind."""
