"""Compress trained networks: every weight is rounded as coarsely as its effect on the outputs allows.

* ``recording`` observes layers at work; ``structure`` finds a model's layers, and folds normalization;
* ``moments`` gathers statistics of layers' inputs and of output gradients; ``guesses`` replaces them without data;
* ``steps`` chooses quantization steps and bases; ``rounding`` rounds; ``quantizing`` does so layer after layer, with
  runs of the model in ``lockstep``;
* ``search`` finds the scale that meets the user's limit; ``compressing`` puts everything together.
"""

from frformat.torch.compression.compressing import Compressed, compress
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.reporting import LayerReport
from frformat.torch.compression.trials import Point

__all__ = ["Compressed", "CompressionError", "LayerReport", "Point", "compress"]
