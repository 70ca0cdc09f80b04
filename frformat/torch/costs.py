"""Measure the cost of running a model at its current tier."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
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
from frformat.torch.modes import divided, evaluating
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.tiers import statistics, tier_sizes
from frformat.torch.regularization.views import Example, run


def _multiply_adds(function: Callable[..., int]) -> Callable[..., int]:
    """Return a formula for PyTorch's counter, which counts a multiply-add as two operations."""

    def formula(*shapes: Any, **_: Any) -> int:
        return 2 * function(*shapes)

    return formula


def _recurrent(x: Sequence[int], weights: Sequence[Sequence[int]]) -> int:
    """Return the multiply-adds of recurrent layers, given the shapes of their input and of all their weights."""
    return math.prod(x[:-1]) * sum(math.prod(weight) for weight in weights if len(weight) == 2)


OTHERS: Final[dict[Any, Callable[..., int]]] = {
    torch.ops.aten.mv: _multiply_adds(lambda matrix, *_: math.prod(matrix)),
    torch.ops.aten.addmv: _multiply_adds(lambda _, matrix, *__: math.prod(matrix)),
    torch.ops.aten.dot: _multiply_adds(lambda vector, *_: math.prod(vector)),
    torch.ops.aten.vdot: _multiply_adds(lambda vector, *_: math.prod(vector)),
    torch.ops.aten.addbmm: _multiply_adds(lambda _, first, second, *__: math.prod(first) * second[-1]),
    torch.ops.aten.mkldnn_rnn_layer: _multiply_adds(lambda x, one, other, *_: _recurrent(x, [one, other])),
    torch.ops.aten._cudnn_rnn: _multiply_adds(lambda x, weights, *_: _recurrent(x, weights)),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _multiply_adds(
        lambda query, key, value, *_: math.prod(query[:-1]) * key[-2] * (key[-1] + value[-1])
    ),  # newer versions know it, PyTorch 2.8 does not
}
"""Products that PyTorch's counter does not know, with the formulas for their numbers of operations."""


@torch.no_grad()
def costs(model: nn.Module, inputs: Example) -> Cost:
    """Run a model twice in evaluation mode, and measure the cost.

    Args:
        model: any module.
        inputs: the model's input (a tensor, a sequence of positional inputs, or a mapping of keyword inputs); use a
            batch of one for the costs on a phone.

    Raises:
        ValueError: the model does not run on the input.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)  # otherwise the backward pass would also be counted
    try:
        with evaluating(model), divided():
            with FlopCounterMode(display=False, custom_mapping=OTHERS) as counter:
                run(model, inputs)
            with _Traffic([*model.parameters(), *model.buffers(), *_tensors(inputs)]) as traffic:
                run(model, inputs)
    finally:
        for parameter in trained:
            parameter.requires_grad_()
    unused = tucker.unused(model)
    spectra, kept = spectral_tensors(model), tier_sizes(model)[get_tier(model)]
    unused |= {id(each.coefficients): len(each.coefficients) - kept[name] for name, each in spectra.items()}
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
        self._known = [tensor.untyped_storage() for tensor in known]  # otherwise, PyTorch may replace these objects
        self._seen = {ref(storage) for storage in self._known}

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
