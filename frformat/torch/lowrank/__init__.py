"""The low-rank engine: a weight is a core times a basis along its axes, and a layer can run on these factors.

``bases`` makes the tables, ``factors`` tells which axes of a spectrum belong to which channels, ``algebra`` is what is
computed, ``cost`` what that takes. ``layers`` are modules on factors; ``stream`` passes their thin values through
activations. Training (:mod:`frformat.torch.regularization`) and inference (:mod:`frformat.torch.factorization`) both
build on it.
"""
