"""The PyTorch side: models and state dicts ↔ files, and Frequency Regularization training.

>>> save_model(model, "model.frz")
>>> load_model(model, "model.frz")

>>> regularize(model, keep=100, rules=["*.bias: keep=3"])  # then train as ever, and save

What goes with training, such as truncation schedules, is in :mod:`frformat.torch.regularization`.
"""

from frformat.torch.files import load_file, save_file
from frformat.torch.models import Difference, MismatchError, load_model, save_model
from frformat.torch.regularization import regularize, unregularize

__all__ = [
    "Difference",
    "MismatchError",
    "load_file",
    "load_model",
    "regularize",
    "save_file",
    "save_model",
    "unregularize",
]
