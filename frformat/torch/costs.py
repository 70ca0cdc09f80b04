"""Measure the cost of running a model at its current tier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from frformat.torch.capacity import get_tier
from frformat.torch.corners import cornered
from frformat.torch.lowrank import tucker
from frformat.torch.lowrank.cost import Cost
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.tiers import statistics, tier_sizes


@torch.no_grad()
def costs(model: nn.Module, inputs: Tensor) -> Cost:
    """Run a model twice in evaluation mode, and measure the cost.

    Args:
        model: any module.
        inputs: the model's input; use a batch of one for the costs on a phone.
    """
    training = model.training
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval().requires_grad_(False)  # otherwise the backward pass would also be counted
    try:
        with FlopCounterMode(display=False) as counter:
            model(inputs)
        with _Traffic([*model.parameters(), *model.buffers(), inputs]) as traffic:
            model(inputs)
    finally:
        model.train(training)
        for parameter in trained:
            parameter.requires_grad_()
    unused = tucker.unused(model)
    for name, kept in tier_sizes(model)[get_tier(model)].items():
        parameter = spectral_tensors(model)[name].coefficients
        unused[id(parameter)] = len(parameter) - kept
    for held in (*cornered(model).values(), *statistics(model).values()):
        unused[id(held.original)] = held.original.numel() - held().numel()
    used = [(p.numel() - unused.get(id(p), 0), p.element_size()) for p in model.parameters()]
    numbers, weight_bytes = sum(count for count, _ in used), sum(count * size for count, size in used)
    products = counter.get_total_flops() // 2
    return Cost(numbers, products, traffic.moved, weight_bytes, weight_bytes + traffic.most)


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Observes the tensors that operators read and create.

    Attributes:
        moved: bytes read and written by all operators; views are free.
        held: bytes of the tensors that they created and that still exist.
        most: the largest value of ``held`` so far.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.moved = self.held = self.most = 0
        self._seen = {ref(tensor.untyped_storage()) for tensor in known}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        read, made = _tensors((args, kwargs)), _tensors(out)
        for tensor in made:
            self._hold(tensor.untyped_storage())
        if not _is_view(func):
            self.moved += sum(tensor.numel() * tensor.element_size() for tensor in (*read, *made))
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()

        def release(seen: ReferenceType[torch.UntypedStorage]) -> None:
            self._seen.discard(seen)
            self.held -= size

        held = ref(storage, release)
        if held not in self._seen:
            self._seen.add(held)
            self.held += size
            self.most = max(self.most, self.held)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _is_view(func: Any) -> bool:
    """Return whether an operator only returns a view of its input, without writing to it."""
    aliases = [result.alias_info for result in func._schema.returns]
    return bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)
