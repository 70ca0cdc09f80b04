"""Damaged files of other programs: reading one ends in data or in one typed error that names the file."""
