"""Trained networks as small files: every weight rounded as coarsely as what it does allows.

* :mod:`~.recording` sees layers at work, :mod:`~.structure` what a model is made of, and folds normalization;
* :mod:`~.moments` gathers what goes into layers, and how outputs depend on them; :mod:`~.guesses` stands in without data;
* :mod:`~.steps` says how coarse is right, and in which basis; :mod:`~.rounding` rounds; :mod:`~.quantizing` does so layer
  after layer, with runs of the model in :mod:`~.lockstep`;
* :mod:`~.search` finds the scale that the user's limit asks for; :mod:`~.compressing` is the whole.
"""

from frformat.torch.compression.compressing import Compressed, Point, compress
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.reporting import LayerReport

__all__ = ["Compressed", "CompressionError", "LayerReport", "Point", "compress"]
