"""Compress trained networks by rounding each weight as coarsely as its effect on the outputs allows.

* ``recording`` observes layers as they run, ``recurrent`` runs recurrent layers step by step for it, and ``structure``
  finds a model's layers and folds normalization;
* ``moments`` gathers statistics of layer inputs and output gradients; ``guesses`` substitutes for them without data;
* ``steps`` chooses quantization steps and bases, ``rounding`` rounds one layer, and ``quantizing`` rounds all layers in
  turn, with runs of the model in ``lockstep``;
* ``search`` finds the scale that meets the user's limit, and ``compressing`` combines all parts.
"""

from frformat.torch.compression.compressing import Compressed, compress
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.reporting import LayerReport
from frformat.torch.compression.trials import Point

__all__ = ["Compressed", "CompressionError", "LayerReport", "Point", "compress"]
