"""Encode checkpoints: a policy decides what to keep of each tensor before :func:`frformat.save_file` writes it.

>>> policy = Policy([Rule.parse("fc1.weight: keep=300 view=500,50,4,4")], default=Rule(selection=Energy(0.999)))
>>> encode(checkpoints.load("model.pt"), "model.frz", policy)
"""

from frformat.encoding.encoder import Report, TensorReport, encode
from frformat.encoding.policy import Policy
from frformat.encoding.rules import Rule
from frformat.encoding.selection import Energy, Everything, Keep, MaxError, Selection
from frformat.encoding.verification import verify

__all__ = [
    "Energy",
    "Everything",
    "Keep",
    "MaxError",
    "Policy",
    "Report",
    "Rule",
    "Selection",
    "TensorReport",
    "encode",
    "verify",
]
