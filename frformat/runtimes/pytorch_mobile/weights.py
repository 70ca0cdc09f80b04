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
    leading: dict[str, str] = {}  # of tensors given under several names, the one that counts
    for name in weights.keys():  # noqa: SIM118 — TorchScript cannot iterate over the dict itself
        first = ties.get(name, name)
        if first not in leading or loaded.get(first, "") == name:
            leading[first] = name
    faults: list[str] = []
    advice = ""
    for name, given in weights.items():
        if name not in own:
            faults.append(f"{name} is left over, the model has no such weight")
            continue
        mine = own[name]
        first = ties.get(name, name)
        if given.shape != mine.shape:
            what = "shape"
            if name in spectra:
                what = "coefficients"
                advice = "; choose the tier that the model was exported for, or export it again with these weights"
            faults.append(f"{name} has {what} {given.shape}, the model wants {mine.shape}")
        elif given.is_floating_point() != mine.is_floating_point():
            wanted = "floating-point numbers" if mine.is_floating_point() else "integers"
            faults.append(f"{name} is of another dtype, the model wants {wanted}")
        elif not given.is_floating_point() and not torch.equal(given.to(mine.dtype).to(given.dtype), given):
            faults.append(f"{name} holds integers that do not fit into the model's dtype")
        elif leading[first] != name:
            if not torch.equal(given.to(mine.dtype), weights[leading[first]].to(mine.dtype)):
                faults.append(f"{name} and {leading[first]} are one tensor in the model, but differ here")
        elif loaded.get(first, name) != name and not torch.equal(given.to(mine.dtype), mine):
            faults.append(f"{name} and {loaded[first]} are one tensor in the model, but differ here")
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


def missing(own: dict[str, Tensor], ties: dict[str, str], loaded: dict[str, str]) -> list[str]:
    """Names, one for each tensor, that were not given yet."""
    out: list[str] = []
    for name in own.keys():  # noqa: SIM118 — as above
        if ties.get(name, name) not in loaded:
            out.append(name)  # noqa: PERF401 — TorchScript knows no conditions in comprehensions
    return out


def refuse(names: list[str]) -> None:
    """Say that the model cannot run yet, and which weights are missing."""
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    raise RuntimeError("frz: this model has no weights yet, call load_weights first; missing: " + shown)
