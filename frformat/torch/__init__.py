"""The PyTorch interface: store models and state dicts, and train with Frequency Regularization.

>>> save_model(model, "model.frz")
>>> load_model(model, "model.frz")

>>> regularize(network, keep=100, rules=["*.bias: keep=3"])  # then train as usual, and save

>>> set_tier(model, 0)  # the smallest of the model's capacities

>>> compress(trained, "small.frz", images.split(64), quality=6)  # no training; or metric=… and max_drop=…

>>> tuned = load_quantized(LeNet5(), "small.frz")  # fine-tune it in its compressed form, and save

>>> smaller = decompose(trained, parameters=80_000)  # Tucker factors; fine-tune, then save

>>> factored = factorize(model, images[:1])  # runs on the coefficients, without rebuilding weights

Training tools, such as truncation schedules, are in :mod:`frformat.torch.regularization`; callbacks for other
libraries' trainers are in :mod:`frformat.torch.integrations`.
"""

from frformat.torch.capacity import each_tier, get_tier, set_tier, tier_count
from frformat.torch.compression import Compressed, CompressionError, compress
from frformat.torch.decomposition import decompose, recompose
from frformat.torch.factorization import factorize, factorize_tiers
from frformat.torch.files import load_file, save_file
from frformat.torch.finetuning import fit_quantized, load_quantized
from frformat.torch.lowrank.summaries import summary
from frformat.torch.matching import Difference
from frformat.torch.models import MismatchError, load_model, save_model
from frformat.torch.nesting import load_nested, nest
from frformat.torch.quantized import set_softness
from frformat.torch.regularization import parameter_groups, regularize, unregularize

__all__ = [
    "Compressed",
    "CompressionError",
    "Difference",
    "MismatchError",
    "compress",
    "decompose",
    "each_tier",
    "factorize",
    "factorize_tiers",
    "fit_quantized",
    "get_tier",
    "load_file",
    "load_model",
    "load_nested",
    "load_quantized",
    "nest",
    "parameter_groups",
    "recompose",
    "regularize",
    "save_file",
    "save_model",
    "set_softness",
    "set_tier",
    "summary",
    "tier_count",
    "unregularize",
]
