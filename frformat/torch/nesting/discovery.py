"""Find the filters of a network that can be reordered and removed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.errors import DependencyError
from frformat.torch.batch_norm import BATCH_NORMS
from frformat.torch.copying import copied
from frformat.torch.modes import without_autocast
from frformat.torch.nesting.filters import LAYERS, TRANSPOSED, FilterGroup, Member, permute
from frformat.torch.nesting.structure import descendant, make_nested
from frformat.torch.regularization.views import Example, call, check_example, run

TOLERANCE: Final = 1e-4
"""Largest accepted change of an output when filters are reordered, as a share of the largest output."""


def filter_groups(model: nn.Module, example: Example) -> dict[str, FilterGroup]:
    """Return the filters of a network that can be reordered and removed, by the name of their layer.

    The dependencies come from torch-pruning (G. Fang et al., "DepGraph: towards any structural pruning", CVPR 2023).
    Each group is then tested: the network must have the same outputs when the filters are in a different order, and
    must run with half of them. Groups that fail either test are left out. So are the outputs of the network, groups
    that include the outputs of several convolutions (residual connections), filters that share an axis with other
    filters (concatenation), and those of weights that the model computes (weight normalization, pruning masks).

    Args:
        model: a plain network.
        example: an input, such as one image; or a sequence of positional inputs, or a mapping of keyword inputs.

    Raises:
        ValueError: the network does not run on the example, or does not return one tensor.
        ModuleNotFoundError: torch-pruning is not installed.
    """
    check_example(example)
    with without_autocast():  # rounded to 16 bits, outputs would depend on the order of filters
        return _found(model, example)


def _found(model: nn.Module, example: Example) -> dict[str, FilterGroup]:
    model = copied(model).eval()
    with torch.no_grad():
        output: object = run(model, example)
    if not isinstance(output, Tensor):
        raise ValueError(
            f"{type(model).__name__} returns an object of type {type(output).__name__}; it must return one tensor"
        )
    found = {}
    tensors = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    names = {module: name for name, module in model.named_modules()}
    for group in _dependencies(model, example):
        members = list(_members(group, names))
        root = group[0][0].target.module
        known = tuple(member for member in members if member is not None and member.tensor in tensors)
        if known and len(known) == len(members) and _has_consumer(known, names[root]):
            found[names[root]] = FilterGroup(names[root], len(group[0][1]), known)
    taken = [(member.tensor, member.axis) for group in found.values() for member in group.members]
    alone = {
        name: group
        for name, group in found.items()
        if all(taken.count((member.tensor, member.axis)) == 1 for member in group.members)
    }
    order = [name for name, _ in model.named_modules() if name in alone]
    return {name: alone[name] for name in order if _works(model, example, alone[name])}


def _dependencies(model: nn.Module, example: Example) -> list[Any]:
    try:
        import torch_pruning
    except ImportError as error:
        raise DependencyError("finding filters", error) from error
    with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example, forward_fn=call)
        return list(graph.get_all_groups(root_module_types=list(LAYERS)))


def _members(group: Any, names: Mapping[nn.Module, str]) -> Iterator[Member | None]:
    """Yield the members of a group of torch-pruning; None if it includes something that this module does not handle."""
    count = len(group[0][1])
    outputs = 0
    for dependency, indices in group:
        module, out = dependency.target.module, "out" in dependency.handler.__name__
        if module not in names:
            continue  # an operation without parameters
        block, rest = divmod(len(indices), count)
        handled = isinstance(module, (*LAYERS, *BATCH_NORMS)) and getattr(module, "groups", 1) == 1
        outputs += isinstance(module, LAYERS) and out
        if not handled or rest or list(map(int, indices)) != list(range(len(indices))) or outputs > 1:
            yield None
            return
        yield from _axes(module, names[module], out, block)


def _axes(module: nn.Module, path: str, out: bool, block: int) -> Iterator[Member | None]:
    if isinstance(module, BATCH_NORMS):
        if not module.affine:
            yield None  # a file would not record the width of its statistics
            return
        for name in ("weight", "bias", "running_mean", "running_var"):
            if getattr(module, name) is not None:
                yield Member(f"{path}.{name}", 0, block)
        return
    first = out != isinstance(module, TRANSPOSED)
    yield Member(f"{path}.weight", 0 if first else 1, block)
    if out and getattr(module, "bias", None) is not None:
        yield Member(f"{path}.bias", 0, block)


def _has_consumer(members: Sequence[Member], root: str) -> bool:
    return any(m.tensor.endswith(".weight") and m.tensor != f"{root}.weight" for m in members)


@torch.no_grad()
def _works(model: nn.Module, example: Example, group: FilterGroup) -> bool:
    """Return whether reordering the filters preserves the outputs, and the network can run with half of them."""
    trial = copied(model)
    try:
        before = call(trial, example)
        permute(trial, group, _other_order(group.count))
        after = call(trial, example)
        if not torch.allclose(before, after, rtol=0, atol=TOLERANCE * float(before.abs().max())):
            return False
        half = make_nested(trial, {group.layer: group}, [{group.layer: math.ceil(group.count / 2)}])
        return bool(call(descendant(half, 0), example).shape == before.shape)
    except Exception:  # the user's code can raise anything
        return False


def _other_order(count: int) -> Tensor:
    """Return a random order that is not the current one.

    Reversal alone would also preserve functions of neighboring filters, such as local response normalization.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0), device="cpu")
    return order.flip(0) if torch.equal(order, torch.arange(count, device="cpu")) else order
