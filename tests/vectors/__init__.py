"""The files in ``spec/vectors`` and the program that makes them: ``python -m tests.vectors``.

Nothing here imports frformat. MessagePack, DEFLATE, Zstandard frames, the range coder, the zigzag order and the
transform are written a second time, straight from the specification and without regard to speed, so that a vector is
evidence and not an echo. Nothing depends on a library's version or on the machine either: the same bytes come out
everywhere.
"""
