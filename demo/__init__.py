"""An end-to-end demonstration: ``make demo``."""
