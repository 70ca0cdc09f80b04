"""Extreme Learning Machines: a random hidden layer from a seed, and an output layer that is solved for, not trained.

Only the output layer takes room in a file; the hidden layer is its seed. Training is one pass over the data and one
Cholesky factorization, examples can be added and removed later, and a phone can do the same (``io.frz:frz-elm``).

>>> model = ELMClassifier(Convolution(filters=80)).fit(images, labels)
>>> model.score(test_images, test_labels), model.ridge_, model.units_
>>> save(model, "digits.frz")

The method is that of G.-B. Huang et al., "Extreme learning machine: theory and applications", 2006. Accumulation in
batches follows A. Akusok et al., "High-performance extreme learning machines", 2015; convolutions follow G.-B. Huang
et al., "Local receptive fields based extreme learning machine", 2015.
"""

from frformat.train.elm.estimators import ELMClassifier, ELMRegressor
from frformat.train.elm.files import load, save
from frformat.train.elm.hidden import Convolution, Dense
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
