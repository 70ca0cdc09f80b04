"""Targets for coverage-guided fuzzers: atheris for what is written in Python, Jazzer for the Kotlin decoder.

``python -m tests.fuzz.guided --seconds 60`` runs all of them, each in a separate process.
"""
