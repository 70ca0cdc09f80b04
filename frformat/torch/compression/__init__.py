"""Compress trained networks by rounding each weight as coarsely as its effect on the outputs allows.

* ``recording`` observes layers as they run, ``recurrent`` runs recurrent layers step by step for ``recording``, and
  ``structure`` finds a model's layers and folds normalization into them;
* ``moments`` gathers statistics of layer inputs and output gradients; ``guesses`` provides assumed statistics if there
  is no data;
* ``steps`` chooses quantization steps and bases, ``rounding`` rounds the weights of one layer, and ``quantizing``
  rounds all layers in turn while the original and the rounded model run in ``lockstep``;
* ``search`` finds the scale that meets the user's limit, and ``compressing`` combines all of these.
"""

from frformat.torch.compression.compressing import Compressed, compress
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.reporting import LayerReport
from frformat.torch.compression.trials import Point

__all__ = ["Compressed", "CompressionError", "LayerReport", "Point", "compress"]
