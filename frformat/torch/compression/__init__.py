"""Trained networks as small files: every weight rounded as coarsely as what it does allows.

* ``recording`` sees layers at work, ``structure`` what a model is made of, and folds normalization;
* ``moments`` gathers what goes into layers, and how outputs depend on them; ``guesses`` stands in without data;
* ``steps`` says how coarse is right, and in which basis; ``rounding`` rounds; ``quantizing`` does so layer after layer,
  with runs of the model in ``lockstep``;
* ``search`` finds the scale that the user's limit asks for; ``compressing`` is the whole.
"""

from frformat.torch.compression.compressing import Compressed, compress
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.reporting import LayerReport
from frformat.torch.compression.trials import Point

__all__ = ["Compressed", "CompressionError", "LayerReport", "Point", "compress"]
