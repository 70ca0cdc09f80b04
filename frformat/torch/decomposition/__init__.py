"""One-shot whole-network compression: Tucker factors for convolutions, low rank for linear layers, fine-tuned together.

Y.-D. Kim et al., "Compression of deep convolutional neural networks for fast and low power mobile applications",
ICLR 2016. ``vbmf`` estimates ranks, ``ranks`` weakens them or fits them to a budget, ``decompose`` changes a model, and
``normalization`` re-estimates running statistics. The Tucker form itself is in :mod:`frformat.torch.lowrank.tucker`.
"""

from frformat.torch.decomposition.decompose import decompose
from frformat.torch.decomposition.normalization import reestimate
from frformat.torch.decomposition.ranks import Ranks
from frformat.torch.decomposition.report import Decomposed, Decomposition
from frformat.torch.decomposition.vbmf import Evbmf, evbmf
from frformat.torch.regularization.regularize import recompose

__all__ = ["Decomposed", "Decomposition", "Evbmf", "Ranks", "decompose", "evbmf", "recompose", "reestimate"]
