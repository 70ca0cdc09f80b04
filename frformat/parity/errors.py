"""What is wrong with a parity report, or with a comparison."""

from __future__ import annotations


class ReportError(ValueError):
    """A parity report that is not valid, or does not fit what it is compared with; and what to do."""
