"""Run a network on its coefficients, without rebuilding its weights.

>>> factored = factorize(model, images[:1])
>>> print(summary(factored))
"""

from frformat.torch.factorization.factorize import factorize
from frformat.torch.factorization.portable import portable
from frformat.torch.factorization.summary import LayerSummary, Summary
from frformat.torch.factorization.tiers import FactoredTiers, factorize_tiers
from frformat.torch.lowrank.cost import Cost
from frformat.torch.lowrank.layers import Factored, FactoredConvolution, FactoredLinear
from frformat.torch.lowrank.summaries import summary

__all__ = [
    "Cost",
    "Factored",
    "FactoredConvolution",
    "FactoredLinear",
    "FactoredTiers",
    "LayerSummary",
    "Summary",
    "factorize",
    "factorize_tiers",
    "portable",
    "summary",
]
