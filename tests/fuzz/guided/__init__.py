"""Targets for coverage-guided fuzzers: atheris for Python code, Jazzer for the Kotlin decoder.

``python -m tests.fuzz.guided --seconds 60`` runs all of them, each in a separate process.
"""
