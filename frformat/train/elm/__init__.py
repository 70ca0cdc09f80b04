"""Extreme Learning Machines: a random hidden layer from a seed, and an output layer that is solved for, not trained.

Only the output layer takes space in a file; the hidden layer is stored as its seed. Training is one pass over the data
and one Cholesky factorization. Examples can be added and removed later, even on a phone (``io.frz:frz-elm``).

>>> from sklearn.datasets import load_digits
>>> digits = load_digits()
>>> images = (digits.images * 15).astype("uint8")
>>> model = ELMClassifier(Convolution(filters=20, size=3, pool=2)).fit(images[:900], digits.target[:900])
>>> model.score(images[900:], digits.target[900:]) > 0.9
True
>>> save(model, "digits.frz")

The method is that of G.-B. Huang et al., "Extreme learning machine: theory and applications", 2006. Accumulation in
batches follows A. Akusok et al., "High-performance extreme learning machines", 2015; convolutions follow G.-B. Huang
et al., "Local receptive fields based extreme learning machine", 2015.
"""

from frformat.train.elm.convolution import Convolution
from frformat.train.elm.dense import Dense
from frformat.train.elm.estimators import ELMClassifier, ELMRegressor
from frformat.train.elm.files import load, save
from frformat.train.elm.normal import IllConditionedError, NormalEquations

__all__ = [
    "Convolution",
    "Dense",
    "ELMClassifier",
    "ELMRegressor",
    "IllConditionedError",
    "NormalEquations",
    "load",
    "save",
]
