"""The part of a skeleton that runs on the phone. TorchScript compiles these functions, so they use what it knows.

``own`` holds the model's parameters and persistent buffers by name, those with several names under each of them;
``ties`` leads from every further name of a tensor to its first one. ``loaded`` tells for each first name under which
of its names the tensor was given. ``spectra`` has the names of weights that are coefficients.
"""

from __future__ import annotations

import torch
from torch import Tensor


def assign(
    own: dict[str, Tensor],
    ties: dict[str, str],
    loaded: dict[str, str],
    spectra: dict[str, list[int]],
    weights: dict[str, Tensor],
) -> None:
    """Copy some or all weights into the model, or none of them if one does not fit.

    Raises:
        RuntimeError: weights that the model does not have, or of another shape or kind; one error names them all.
    """
    leading = _leading(ties, loaded, weights)
    faults: list[str] = []
    advice = ""
    for name, given in weights.items():
        if name not in own:
            faults.append(f"{name} is left over, the model has no such weight")
        else:
            fault = _misfit(name, given, own[name], name in spectra)
            if given.shape != own[name].shape and name in spectra:
                advice = "; choose the tier that the model was exported for, or export it again with these weights"
            if fault == "":
                fault = _contradiction(name, given, own[name], ties.get(name, name), leading, loaded, weights)
            if fault != "":
                faults.append(fault)
    if len(faults) > 0:
        raise RuntimeError("frz: the weights do not fit this model: " + "; ".join(faults) + advice)
    for first, name in leading.items():
        if loaded.get(first, name) == name:
            # A copy, since the caller's memory may be freed.
            own[first].set_(weights[name].to(own[first].dtype, copy=True))  # type: ignore[call-overload]
            for alias, target in ties.items():
                if target == first:
                    own[alias].set_(own[first])  # type: ignore[call-overload]
            loaded[first] = name


def _leading(ties: dict[str, str], loaded: dict[str, str], weights: dict[str, Tensor]) -> dict[str, str]:
    """By the first name of each tensor that is given, the name that counts: the one it has been loaded by, if any."""
    leading: dict[str, str] = {}
    for name in weights.keys():  # noqa: SIM118 — TorchScript cannot iterate over the dict itself
        first = ties.get(name, name)
        if first not in leading or loaded.get(first, "") == name:
            leading[first] = name
    return leading


def _misfit(name: str, given: Tensor, mine: Tensor, spectral: bool) -> str:
    """In what a weight is not like the model's, or an empty string."""
    fault = ""
    if given.shape != mine.shape:
        fault = f"{name} has {'coefficients' if spectral else 'shape'} {given.shape}, the model wants {mine.shape}"
    elif given.is_floating_point() != mine.is_floating_point():
        wanted = "floating-point numbers" if mine.is_floating_point() else "integers"
        fault = f"{name} is of another dtype, the model wants {wanted}"
    elif not given.is_floating_point() and not torch.equal(given.to(mine.dtype).to(given.dtype), given):
        fault = f"{name} holds integers that do not fit into the model's dtype"
    return fault


def _contradiction(
    name: str,
    given: Tensor,
    mine: Tensor,
    first: str,
    leading: dict[str, str],
    loaded: dict[str, str],
    weights: dict[str, Tensor],
) -> str:
    """Return whether another name of the same tensor came with other elements, now or before, or an empty string."""
    other, theirs = name, given
    if leading[first] != name:
        other, theirs = leading[first], weights[leading[first]]
    elif first in loaded:
        other, theirs = loaded[first], mine
    fault = ""
    if other != name and not torch.equal(given.to(mine.dtype), theirs.to(mine.dtype)):
        fault = f"{name} and {other} are one tensor in the model, but differ here"
    return fault


def missing(own: dict[str, Tensor], ties: dict[str, str], loaded: dict[str, str]) -> list[str]:
    """Return names, one for each tensor, that were not given yet."""
    out: list[str] = []
    for name in own.keys():  # noqa: SIM118 — as above
        if ties.get(name, name) not in loaded:
            out.append(name)  # noqa: PERF401 — TorchScript knows no conditions in comprehensions
    return out


def refuse(names: list[str]) -> None:
    """Say that the model cannot run yet, and which weights are missing."""
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    raise RuntimeError("frz: this model has no weights yet, call load_weights first; missing: " + shown)
