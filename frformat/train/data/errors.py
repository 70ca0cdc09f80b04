"""Errors of the data loaders."""

from __future__ import annotations


class MissingDataError(FileNotFoundError):
    """A data set that is not there: what is missing, where it was looked for, and how to get it."""


class DataError(ValueError):
    """A file of a data set that is damaged or is not what its name says: which, and what is wrong with it."""
