"""What a model costs to run, at the tier that it works at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from frformat.torch.capacity import get_tier
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.tiers import tier_sizes


@dataclass(frozen=True)
class Costs:
    """Of one inference.

    Attributes:
        numbers: how many parameters are used: coefficients, and what is not regularized.
        multiply_adds: of matrix products and convolutions as PyTorch counts them, those of rebuilding weights included.
        weight_bytes: of the numbers.
        peak_bytes: most bytes of tensors that are in use at once: the numbers, activations, and weights where they are
            rebuilt; not what an operator takes for itself.
    """

    numbers: int
    multiply_adds: int
    weight_bytes: int
    peak_bytes: int


@torch.no_grad()
def costs(model: nn.Module, inputs: Tensor) -> Costs:
    """Run a model twice, in evaluation mode, and see what it takes.

    Args:
        model: any module.
        inputs: what it is given; a batch of one tells the costs of a phone.
    """
    training = model.training
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval().requires_grad_(False)  # the counter would watch gradients that are not to be
    try:
        with FlopCounterMode(display=False) as counter:
            model(inputs)
        with _Memory([*model.parameters(), *model.buffers(), inputs]) as memory:
            model(inputs)
    finally:
        model.train(training)
        for parameter in trained:
            parameter.requires_grad_()
    unused = {}
    for name, kept in tier_sizes(model)[get_tier(model)].items():
        parameter = spectral_tensors(model)[name].coefficients
        unused[id(parameter)] = len(parameter) - kept
    used = [(p.numel() - unused.get(id(p), 0), p.element_size()) for p in model.parameters()]
    weight_bytes = sum(count * size for count, size in used)
    return Costs(
        sum(count for count, _ in used), counter.get_total_flops() // 2, weight_bytes, weight_bytes + memory.most
    )


class _Memory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the memory of tensors that operators make.

    Attributes:
        held: bytes in use.
        most: most bytes that were in use at once.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = self.most = 0
        self._seen = {ref(tensor.untyped_storage()) for tensor in known}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for made in tree_leaves(out):
            if isinstance(made, Tensor):
                self._hold(made.untyped_storage())
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
