"""The files in ``spec/vectors`` and the program that writes them: ``python -m tests.vectors``.

Nothing here imports frformat. MessagePack, DEFLATE, Zstandard frames, the range coder, the zigzag order and the
transform are implemented independently, directly from the specification and without regard to speed, so that the
vectors cannot share a decoder's mistakes. The output does not depend on library versions or on the machine.
"""
