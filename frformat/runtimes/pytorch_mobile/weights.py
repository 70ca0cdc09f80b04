"""The part of a skeleton that runs on the phone. These functions use only features that TorchScript supports.

``own`` contains the model's parameters and persistent buffers under all of their names. ``ties`` maps every
additional name of a tensor to its first name. ``loaded`` maps first names of loaded tensors to the names under which
they were passed. ``forms`` contains the names of the weights that are coefficients.
"""

from __future__ import annotations

import torch
from torch import Tensor


def assign(
    own: dict[str, Tensor],
    ties: dict[str, str],
    loaded: dict[str, str],
    forms: dict[str, list[int]],
    weights: dict[str, Tensor],
) -> None:
    """Copy some or all weights into the model, or none at all if one of them does not fit.

    Raises:
        RuntimeError: weights are unknown to the model, or have the wrong shape or kind. One error names them all.
    """
    leading = _leading(ties, loaded, weights)
    faults: list[str] = []
    advice = ""
    for name, given in weights.items():
        if name not in own:
            faults.append(f"{name} is left over; the model has no such weight")
        else:
            fault = _misfit(name, given, own[name], name in forms)
            if given.shape != own[name].shape and name in forms:
                _, advice = _wrong_shape(name, list(given.shape), list(own[name].shape), True)
            if fault == "":
                fault = _contradiction(name, given, own[name], ties.get(name, name), leading, loaded, weights)
            if fault != "":
                faults.append(fault)
    if len(faults) > 0:
        raise RuntimeError("frz: the weights do not fit this model: " + "; ".join(faults) + advice)
    for first, name in leading.items():
        if loaded.get(first, name) == name:
            # A copy, since the caller may free the memory.
            own[first].set_(weights[name].to(own[first].dtype, copy=True))  # type: ignore[call-overload]
            for alias, target in ties.items():
                if target == first:
                    own[alias].set_(own[first])  # type: ignore[call-overload]
            loaded[first] = name


def check(
    own: dict[str, Tensor],
    ties: dict[str, str],
    forms: dict[str, list[int]],
    shapes: dict[str, list[int]],
    partial: bool,
) -> None:
    """Check the names and shapes of weights before the first of them is decoded and passed.

    Raises:
        RuntimeError: weights are unknown to the model or have the wrong shape or, unless ``partial``, some are missing.
            One error names them all.
    """
    faults: list[str] = []
    given: dict[str, str] = {}
    advice = ""
    for name, shape in shapes.items():
        given[ties.get(name, name)] = name
        if name not in own:
            faults.append(f"{name} is left over; the model has no such weight")
        elif shape != list(own[name].shape):
            fault, about = _wrong_shape(name, shape, list(own[name].shape), name in forms)
            faults.append(fault)
            advice = advice if about == "" else about
    absent = missing(own, ties, given)
    if len(absent) > 0 and not partial:
        number = "1 weight of the model is" if len(absent) == 1 else f"{len(absent)} weights of the model are"
        faults.append(f"{number} missing: {_listed(absent)}")
    if len(faults) > 0:
        raise RuntimeError("frz: the weights do not fit this model: " + "; ".join(faults) + advice)


def _wrong_shape(name: str, given: list[int], mine: list[int], coded: bool) -> tuple[str, str]:
    """Describe a shape that differs from that of the model's weight, and say what to do; the latter can be empty."""
    advice = "; choose the tier that the model was exported for, or export it again with these weights" if coded else ""
    return f"{name} has {'coefficients' if coded else 'shape'} {given}; the model expects {mine}", advice


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _leading(ties: dict[str, str], loaded: dict[str, str], weights: dict[str, Tensor]) -> dict[str, str]:
    """Map the first name of each passed tensor to the name that counts: the one already loaded, if there is one."""
    leading: dict[str, str] = {}
    for name in weights.keys():  # noqa: SIM118 — TorchScript cannot iterate over the dict itself
        first = ties.get(name, name)
        if first not in leading or loaded.get(first, "") == name:
            leading[first] = name
    return leading


def _misfit(name: str, given: Tensor, mine: Tensor, coded: bool) -> str:
    """Describe how a weight differs from the model's weight; return an empty string if it does not."""
    fault = ""
    if given.shape != mine.shape:
        fault, _ = _wrong_shape(name, list(given.shape), list(mine.shape), coded)
    elif given.is_floating_point() != mine.is_floating_point():
        wanted = "floating-point numbers" if mine.is_floating_point() else "integers"
        fault = f"{name} has another dtype; the model expects {wanted}"
    elif not given.is_floating_point() and not torch.equal(given.to(mine.dtype).to(given.dtype), given):
        fault = f"{name} has integers that do not fit into the model's dtype"
    elif given.dtype != mine.dtype and given.is_floating_point():
        # A difference from itself is 0 or, for an infinity and for NaN, NaN, which is unequal to itself.
        zeros, fitted = given - given, given.to(mine.dtype)
        fitted = fitted - fitted
        if not torch.equal(fitted != fitted, zeros != zeros):
            fault = f"{name} has elements that do not fit into the model's dtype"
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
    """Describe a conflicting value passed under another name of the tensor; return an empty string if there is none."""
    other, theirs = name, given
    if leading[first] != name:
        other, theirs = leading[first], weights[leading[first]]
    elif first in loaded:
        other, theirs = loaded[first], mine
    fault = ""
    if other != name and not torch.equal(given.to(mine.dtype), theirs.to(mine.dtype)):
        fault = f"{name} and {other} are one tensor in the model, but have different values"
    return fault


def missing(own: dict[str, Tensor], ties: dict[str, str], loaded: dict[str, str]) -> list[str]:
    """Return all names of the tensors that have not been passed yet."""
    out: list[str] = []
    for name in own.keys():  # noqa: SIM118 — as above
        if ties.get(name, name) not in loaded:
            out.append(name)  # noqa: PERF401 — TorchScript does not support conditions in comprehensions
    return out


def refuse(names: list[str]) -> None:
    """Raise an error that lists the missing weights."""
    raise RuntimeError("frz: this model has no weights yet; call load_weights first. Missing: " + _listed(names))
