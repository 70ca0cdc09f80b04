"""Damaged files of other programs: reading one yields data, or one typed error that names the file."""
