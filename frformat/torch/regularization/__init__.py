"""Frequency Regularization: train models whose weights are given by the first coefficients of their DCT.

>>> model = regularize(model, keep=100, rules=["*.bias: keep=3"], example=images[:1])
>>> optimizer = torch.optim.Adam(model.parameters(), 0.02)
>>> schedule = TailTruncation(model, optimizer, by=0.02, minimum=33)
"""

from frformat.torch.regularization.budget import allocate, relative_energy, sensitivity
from frformat.torch.regularization.eigen_adam import EigenAdam
from frformat.torch.regularization.file_size import file_size, fit_file_size
from frformat.torch.regularization.groups import parameter_groups
from frformat.torch.regularization.guarded import GuardedTruncation
from frformat.torch.regularization.normalization import absorb_statistics
from frformat.torch.regularization.parametrization import Spectral
from frformat.torch.regularization.pruning import SpectralPruning
from frformat.torch.regularization.rate import RateTerm
from frformat.torch.regularization.regularize import regularize, unregularize
from frformat.torch.regularization.schedule import Schedule
from frformat.torch.regularization.schedules import BudgetTruncation, GeometricTruncation, TailTruncation
from frformat.torch.regularization.spectral_tensor import SpectralTensor, spectral_tensors
from frformat.torch.regularization.state import formats, load_spectra, set_format, spectra, spectral_state
from frformat.torch.regularization.tiers import make_tiers, tier_sizes
from frformat.torch.regularization.truncation import truncate

__all__ = [
    "BudgetTruncation",
    "EigenAdam",
    "GeometricTruncation",
    "GuardedTruncation",
    "RateTerm",
    "Schedule",
    "Spectral",
    "SpectralPruning",
    "SpectralTensor",
    "TailTruncation",
    "absorb_statistics",
    "allocate",
    "file_size",
    "fit_file_size",
    "formats",
    "load_spectra",
    "make_tiers",
    "parameter_groups",
    "regularize",
    "relative_energy",
    "sensitivity",
    "set_format",
    "spectra",
    "spectral_state",
    "spectral_tensors",
    "tier_sizes",
    "truncate",
    "unregularize",
]
