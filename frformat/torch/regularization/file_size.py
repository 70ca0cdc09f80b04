"""Compute the size of a regularized model's file, and fit a model into a number of bytes."""

from __future__ import annotations

import bisect
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import nn

import frformat
from frformat import Spectrum
from frformat.checkpoints.torch_tensors import aliases, to_numpy
from frformat.spectral.sparse import Sparse
from frformat.torch.lowrank.tucker_files import tucker_state
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.state import formats, spectral_state, without_empty_extras
from frformat.torch.regularization.truncation import check_truncatable, truncate
from frformat.torch.wrappers import plain_names

SHARES: Final = 1024
"""The share of coefficients to drop is a multiple of the reciprocal of this number."""

CLOSE: Final = 0.998
"""A file of at least this fraction of the limit is close enough."""

AIM: Final = 0.999
"""Size to aim for, as a fraction of the limit."""


def file_size(model: nn.Module, *, without_coefficients: bool = False) -> int:
    """Return the size in bytes of the file that ``save_model`` will write once zeros at the ends have been removed.

    Args:
        model: a regularized model.
        without_coefficients: assume that all coefficients are zero, so only names, shapes and other tensors count.
    """
    counts = dict.fromkeys(spectral_tensors(model), 0) if without_coefficients else _needed(model, 0)
    return _size(model, counts)


def fit_file_size(model: nn.Module, size: int) -> int:
    """Remove coefficients from the ends of prefixes, in place, until the model's file has at most ``size`` bytes.

    Coefficients that a file with steps stores as zeros are always removed from the ends, which changes no weight. If
    this is not enough, the highest frequencies of all tensors are removed, too: the same share of the nonzero
    coefficients of each tensor.

    Args:
        model: a regularized model whose coefficients are rounded to steps.
        size: number of bytes.

    Returns:
        The size of the file.

    Raises:
        ValueError: the file is larger even without coefficients, or the model cannot be truncated. The model is
            unchanged.
    """
    check_truncatable(model)
    enough = 0
    whole = _size(model, _needed(model, 0))
    if whole > size:
        least = file_size(model, without_coefficients=True)
        if least > size:
            raise ValueError(f"size={size:,}: the file has {least:,} bytes even without coefficients")
        enough = fewest(lambda dropped: _size(model, _needed(model, dropped)), size, (0, whole), (SHARES, least))[0]
    truncate(model, {name: max(1, count) for name, count in _needed(model, enough).items()})
    if enough == SHARES:
        _clear(model)
    return file_size(model)


def fewest(
    measure: Callable[[int], int],
    size: int,
    large: tuple[int, int],
    small: tuple[int, int],
    *,
    resolution: int = 1,
    estimate: Callable[[int], float] = operator.neg,
) -> tuple[int, int]:
    """Find about the smallest number of coefficients to remove such that a file has at most ``size`` bytes.

    Removing more coefficients hardly ever makes a file larger, so the numbers are interpolated, and only a few are
    tried.

    Args:
        measure: returns the size of the file without a number of coefficients, which takes long.
        size: the limit in bytes.
        large: a number of coefficients, and the size of the file without them, which is above the limit.
        small: a larger number, and the size of the file without them, which is within the limit.
        resolution: difference of two numbers that need not be told apart.
        estimate: function of a number of coefficients that is about proportional to the size of the file without them,
            plus any constant. Evaluating it must be fast.

    Returns:
        The number of coefficients to remove, and the size of the file without them: within the limit, and at least
        :data:`CLOSE` of it unless the next smaller number is too small.
    """
    weights, last = [1.0, 1.0], None  # of the distances of both ends from the limit
    while small[0] - large[0] > resolution and small[1] < CLOSE * size:
        above, below = (large[1] - AIM * size) * weights[0], (AIM * size - small[1]) * weights[1]
        ends = estimate(large[0]), estimate(small[0])
        wanted = ends[0] + (ends[1] - ends[0]) * above / (above + below)
        margin = max(1, resolution // 2)
        choices = range(large[0] + margin, small[0] - margin)
        number = large[0] + margin + bisect.bisect_left(choices, -wanted, key=lambda each: -estimate(each))
        found = number, measure(number)
        end = int(found[1] <= size)
        # The weight of an end that stays twice is halved (the Illinois method), so that both ends approach the limit.
        weights = [1.0 if place == end else weight / 2 ** (end == last) for place, weight in enumerate(weights)]
        large, small = (large, found) if end else (found, small)
        last = end
    return small


def _clear(model: nn.Module) -> None:
    """Set the only coefficient of each tensor to zero."""
    with torch.no_grad():
        for tensor in spectral_tensors(model).values():
            tensor.coefficients.zero_()


def _needed(model: nn.Module, dropped: int) -> dict[str, int]:
    """Return the length of each prefix after dropping ``dropped / SHARES`` of its nonzero coefficients from its end.

    Zeros at the end are always dropped.
    """
    counts = {}
    for name, tensor in spectral_tensors(model).items():
        with torch.no_grad():
            places = tensor.spectral.stored(tensor.coefficients).flatten().nonzero().flatten()
        places = places[: len(places) - len(places) * dropped // SHARES]
        counts[name] = int(places[-1]) + 1 if len(places) else 0
    return counts


def _size(model: nn.Module, counts: dict[str, int]) -> int:
    """Return the file size for this number of coefficients of each tensor (0 means a single coefficient of zero)."""
    state, cut = {**spectral_state(model), **tucker_state(model)}, {}
    for name, tensor in spectral_tensors(model).items():
        spectrum = tensor.spectrum()
        values = spectrum.coefficients[: counts[name]] if counts[name] else np.zeros(1, np.float32)
        cut[name] = Spectrum(values, spectrum.shape, spectrum.view, spectrum.dtype)
    return encoded_size(model, state, cut)


def encoded_size(model: nn.Module, state: Mapping[str, Any], replaced: Mapping[str, Any]) -> int:
    """Return the size in bytes of the file that contains a state.

    Args:
        model: the model.
        state: tensors and stored forms by name. Names that share one are tied.
        replaced: by name, what to store instead of tensors that are not tied or are the first of the tied ones.

    Raises:
        EncodeError: the state cannot be stored.
    """
    state = without_empty_extras(state)
    ties = aliases(state)
    names = plain_names(model, state)
    arrays: dict[str, Any] = {}
    for name, plain in names.items():
        if name not in ties:
            value = state[name]
            array = to_numpy(value) if isinstance(value, torch.Tensor) else replaced.get(name, value)
            arrays[plain] = array.dense() if isinstance(array, Sparse) else array
    held = {names[name]: each for name, each in formats(model).items()}
    return len(frformat.save(arrays, aliases={names[a]: names[b] for a, b in ties.items()}, format=held or "auto"))
