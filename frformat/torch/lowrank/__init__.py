"""The low-rank engine: a weight is a core times a basis along each axis, and a layer can run on these factors.

``bases`` computes the tables, ``factors`` maps the axes of a spectrum to channels, ``algebra`` defines the computation,
and ``cost`` estimates its cost. ``layers`` are modules that run on factors; ``stream`` passes their thin values
through activations. Both training (:mod:`frformat.torch.regularization`) and inference
(:mod:`frformat.torch.factorization`) build on this package.
"""
