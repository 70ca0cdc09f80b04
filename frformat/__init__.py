"""frformat: store the weights of neural networks in very small files.

>>> save_file({"conv.weight": Spectrum.of(weights, 33), "bias": bias}, "model.frz")
>>> load_file("model.frz")["conv.weight"]
"""

from frformat.errors import EncodeError, FrzError
from frformat.format.info import TensorInfo
from frformat.format.per_tier import PerTier
from frformat.format.reader import FrzFile, load, load_file, open
from frformat.format.tensor import Axis, CodedTensor
from frformat.format.writer import save, save_file
from frformat.spectral.spectrum import Spectrum

__version__ = "0.1.0"

__all__ = [
    "Axis",
    "CodedTensor",
    "EncodeError",
    "FrzError",
    "FrzFile",
    "PerTier",
    "Spectrum",
    "TensorInfo",
    "load",
    "load_file",
    "open",
    "save",
    "save_file",
]
