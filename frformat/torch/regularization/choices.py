"""Decide how to regularize each parameter, by rules and detected views, and reject unsupported parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Final

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from frformat import Spectrum
from frformat.checkpoints.torch_tensors import overlapping, to_numpy
from frformat.encoding.rules import Rule
from frformat.encoding.selection import Keep, Selection
from frformat.encoding.source import Weights
from frformat.spectral.sparse import Sparse
from frformat.torch.parametrizations import is_parametrized, obstacle
from frformat.torch.regularization.parametrization import Spectral
from frformat.torch.regularization.rounding import as_stored
from frformat.torch.regularization.views import Axes
from frformat.wording import listed

Rules = Iterable[str | Rule] | Callable[[str, nn.Parameter], str | Rule | None]

DTYPES: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
SHOWN: Final = 5
"""Largest number of names to list in an error."""


@dataclass(frozen=True)
class Candidate:
    """A parameter and the places where it is used.

    Attributes:
        parameter: the parameter.
        names: its names in the state dict; several, if it is tied.
        owners: the modules that have it, each with the name of the attribute.
    """

    parameter: nn.Parameter
    names: tuple[str, ...]
    owners: tuple[tuple[nn.Module, str], ...]


def candidates(model: nn.Module) -> list[Candidate]:
    """Return all parameters, tied ones once; for parametrized ones, the tensor that users of the module see."""
    found: dict[int, Candidate] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, nn.utils.parametrize.ParametrizationList):
            continue
        own = dict(module.named_parameters(recurse=False, remove_duplicate=False))
        if is_parametrized(module):
            own |= {name: next(held.parameters()) for name, held in module.parametrizations.items()}
        for attribute, parameter in own.items():
            name = f"{path}.{attribute}" if path else attribute
            known = found.get(id(parameter), Candidate(parameter, (), ()))
            again = any(owner is module and name == attribute for owner, name in known.owners)
            owners = (
                known.owners if again else (*known.owners, (module, attribute))
            )  # the same module may be reached by several paths
            found[id(parameter)] = replace(known, names=(*known.names, name), owners=owners)
    return list(found.values())


def choose(
    found: Iterable[Candidate], keep: int | float, rules: Rules, views: Mapping[str, Axes]
) -> list[tuple[Candidate, Spectral]]:
    """Choose the parameters to regularize, each with its parametrization. Nothing is changed yet.

    Raises:
        ValueError: a rule matches nothing, or cannot be satisfied.
    """
    found = list(found)
    default = Keep(_amount(keep))
    shared = overlapping(candidate.parameter for candidate in found)
    chosen = []
    for candidate, rule in zip(found, _rules_for(found, rules), strict=True):
        if rule.raw if rule else not _by_default(candidate.parameter):
            continue
        name, problem, rule = candidate.names[0], _problem(candidate, shared), rule or Rule()
        if problem:
            raise ValueError(f"{name} {problem}; exclude it with the rule {_excluding(candidate)!r}")
        view = rule.view or next((views[known] for known in candidate.names if known in views), None)
        chosen.append((candidate, _spectral(candidate, replace(rule, view=view), default)))
    if not chosen and any(_is_regularized(candidate) for candidate in found):
        raise ValueError(
            "the model is already regularized: call truncate() to shorten spectra, or unregularize() for plain weights"
        )
    if not chosen:
        raise ValueError(
            "no parameter would be regularized: by default, only trained floating-point parameters of rank ≥ 2 are"
        )
    return chosen


def _amount(keep: object) -> int | float:
    """Return ``keep`` if it is valid."""
    if isinstance(keep, Integral) and not isinstance(keep, bool) and int(keep) >= 1:
        return int(keep)
    if isinstance(keep, Real) and not isinstance(keep, Integral) and 0 < float(keep) <= 1:
        return float(keep)
    hint = ""
    if isinstance(keep, str) and (number := keep.strip().removesuffix("%")).replace(".", "", 1).isdecimal():
        hint = f"; write keep={float(number) / 100:g}" if keep.strip().endswith("%") else f"; write keep={number}"
    raise ValueError(f"keep={keep!r} is neither a number of coefficients (an int from 1) nor a share (up to 1.0){hint}")


def _rules_for(found: list[Candidate], rules: Rules) -> list[Rule | None]:
    """Return the rule for each candidate, or None if no rule matches."""
    if callable(rules):
        asked = [rules(candidate.names[0], candidate.parameter) for candidate in found]
        return [Rule.parse(f"*: {said}") if isinstance(said, str) else said for said in asked]
    if isinstance(rules, str):
        raise ValueError(f"rules is one string: pass a list of rules, such as [{rules!r}]")
    parsed = [Rule.parse(rule) if isinstance(rule, str) else rule for rule in rules]
    for rule in parsed:
        if not any(rule.matches(name) for candidate in found for name in candidate.names):
            names = [name for candidate in found for name in candidate.names]
            raise ValueError(
                f"the rule for {rule.pattern!r} matches no parameter; the model has {listed(names, SHOWN)}"
            )
    return [
        next((rule for rule in parsed if any(rule.matches(name) for name in candidate.names)), None)
        for candidate in found
    ]


def _by_default(parameter: nn.Parameter) -> bool:
    """Return whether a parameter is regularized by default: it is trained, and is a float tensor of rank 2 or more."""
    matrix = is_lazy(parameter) or (parameter.dim() >= 2 and parameter.numel() > 0)
    return parameter.requires_grad and parameter.dtype in DTYPES and matrix


def _problem(candidate: Candidate, shared: Set[int]) -> str | None:
    """Return why a parameter cannot be regularized.

    Args:
        candidate: the parameter.
        shared: see :func:`~frformat.checkpoints.torch_tensors.overlapping`.
    """
    parameter = candidate.parameter
    if is_lazy(parameter):
        return "has no shape until the model has run once: run it"
    if parameter.dtype not in DTYPES:
        return f"is of type {parameter.dtype}; only float16, bfloat16, float32 and float64 have a spectrum"
    if parameter.numel() == 0:
        return f"has no elements: shape {list(parameter.shape)}"
    if parameter.layout != torch.strided or parameter.device.type == "meta":
        return f"is on device {parameter.device} in layout {parameter.layout}, where its elements are not available"
    if hasattr(parameter, "full_tensor"):
        return "is sharded; regularize the model before fully_shard(model)"
    if id(parameter) in shared:
        return "has elements that share memory with one another or with another parameter, and so cannot differ"
    problems = (_problem_of(module, attribute) for module, attribute in candidate.owners)
    return next(filter(None, problems), None)


def _problem_of(module: nn.Module, attribute: str) -> str | None:
    """Return why a module's own parameter cannot be regularized."""
    if is_parametrized(module, attribute):
        by = type(module.parametrizations[attribute][0]).__name__.lstrip("_")  # type: ignore[index]
        if by == Spectral.__name__:
            return "is already regularized: truncate() drops coefficients, and unregularize() restores a plain tensor"
        return f"is computed by another parametrization, {by}; such tensors cannot be regularized"
    reason = obstacle(module, attribute)
    if reason is not None:
        return reason
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        if module.sparse or module.max_norm is not None:
            return "has sparse gradients or a max_norm, which change single rows, but a coefficient affects all rows"
        if module.padding_idx is not None:
            return (
                f"keeps row {module.padding_idx} for padding, which must not change, but a coefficient affects all rows"
            )
    return None


def _excluding(candidate: Candidate) -> str:
    """Return the rule that excludes a parameter and those of its module with the same problem."""
    name = candidate.names[0]
    path, dot, attribute = name.rpartition(".")
    recurrent = any(isinstance(module, nn.RNNBase) for module, _ in candidate.owners)
    return f"{path}{dot}{'weight_*' if recurrent else attribute}: raw"


def _is_regularized(candidate: Candidate) -> bool:
    held = (
        module.parametrizations[attribute]  # type: ignore[index]
        for module, attribute in candidate.owners
        if is_parametrized(module, attribute)
    )
    return any(isinstance(each[0], Spectral) for each in held)


def _spectral(candidate: Candidate, rule: Rule, default: Selection) -> Spectral:
    parameter, name = candidate.parameter, candidate.names[0]
    selection = rule.selection or default
    count = parameter.numel()
    if rule.spectral:
        raise ValueError(f"{name} consists of weights, but the rule for {rule.pattern!r} says that it is a spectrum")
    if rule.pattern in candidate.names and isinstance(selection, Keep) and selection.amount > count:
        raise ValueError(f"{name}: keep={selection.amount:,}, but shape {list(parameter.shape)} has {count:,} elements")
    try:
        array = to_numpy(parameter)
        assert not isinstance(array, Sparse)
        k = selection.choose(Weights(array, rule.view), lambda spectrum: _as_stored(spectrum, rule.format), count)
        return Spectral(
            parameter.shape,
            max(k or count, 1),
            view=rule.view,
            format=rule.format,
            device=parameter.device,
            dtype=parameter.dtype,
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _as_stored(spectrum: Spectrum, format: str | None) -> Spectrum:
    """Return the spectrum that a reader would get."""
    if format is None or spectrum.kept == 0:
        return spectrum
    return replace(spectrum, coefficients=as_stored(torch.from_numpy(spectrum.coefficients), format).numpy())
