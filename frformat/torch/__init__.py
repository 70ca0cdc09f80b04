"""The PyTorch side: models and state dicts ↔ files.

>>> save_model(model, "model.frz")
>>> load_model(model, "model.frz")
"""

from frformat.torch.files import load_file, save_file
from frformat.torch.models import Difference, MismatchError, load_model, save_model

__all__ = ["Difference", "MismatchError", "load_file", "load_model", "save_file", "save_model"]
