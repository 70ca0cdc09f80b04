"""Merge many small batches into fewer, larger ones.

The models run on all batches side by side, each run in a thread of its own. With a thousand batches of one sample each,
threads and Python would take far more time than the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from frformat.torch.compression.inputs import BatchRun, CompressionError
from frformat.torch.compression.outputs import Outputs

FEWEST: Final = 64
"""Minimum number of batches to keep. The activations of all batches at one layer are in memory at the same time, so a
merged batch adds little to them."""

LARGEST: Final = 1 << 16
"""Maximum number of elements of a merged batch. The arithmetic on larger batches takes longer than the overhead."""

TOLERANCE: Final = 1e-3
"""Largest difference between the outputs of a merged batch and those of its parts, relative to the largest output."""


def merged(model: nn.Module, calls: Sequence[BatchRun], outputs: Outputs) -> Sequence[BatchRun]:
    """Return fewer batches with the same samples, if the model processes each sample independently of all others.

    Args:
        model: the model, in evaluation mode; it is run on the batches and on the merged ones.
        calls: the batches.
        outputs: the interpretation of the model's outputs.

    Returns:
        At least :data:`FEWEST` batches; ``calls`` if there are few, if their samples cannot be concatenated along the
        first axis, or if that would change any output.
    """
    groups = list(_groups(calls, len(calls) // FEWEST))
    if len(groups) == len(calls):
        return calls
    run = partial(outputs.run, model)
    found: list[BatchRun] = []
    with torch.no_grad():
        for group in groups:
            whole = joined(group)
            if len(group) > 1 and not _same(run, whole, [run(each) for each in group]):
                return calls
            found.append(whole)
    return found


def _groups(calls: Sequence[BatchRun], most: int) -> Iterator[list[BatchRun]]:
    """Yield groups of at most ``most`` batches whose tensors differ only in the number of samples."""
    kinds: dict[Any, list[BatchRun]] = {}
    for call in calls:
        kinds.setdefault(_kind(call), []).append(call)
    for alike in kinds.values():
        elements = max(map(_elements, alike))
        parts = math.ceil(len(alike) / max(1, min(most, LARGEST // elements)))
        for part in range(parts):
            yield alike[part * len(alike) // parts : (part + 1) * len(alike) // parts]


def _elements(call: BatchRun) -> int:
    """Return the number of elements of the largest tensor of a batch, at least 1."""
    return max([1, *(leaf.numel() for leaf in tree_flatten(call.batch)[0] if isinstance(leaf, Tensor))])


def _kind(call: BatchRun) -> Any:
    """Return a key that is equal for batches that can be concatenated."""
    leaves, tree = tree_flatten(call.batch)
    return str(tree), *(_leaf(leaf) for leaf in leaves)


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        if leaf.dim() and leaf.layout == torch.strided:
            return leaf.shape[1:], leaf.dtype, leaf.device, leaf.requires_grad
        return id(leaf)
    return (type(leaf), leaf) if isinstance(leaf, int | float | str | None) else id(leaf)


def _same(run: Callable[[BatchRun], list[Tensor]], merged: BatchRun, parts: Sequence[list[Tensor]]) -> bool:
    """Return whether the outputs of a merged batch are those of its parts."""
    try:
        whole = run(merged)
    except CompressionError:
        return False
    if any(len(part) != len(whole) for part in parts):
        return False
    for number, found in enumerate(whole):
        own = [part[number] for part in parts]
        if any(not each.dim() or each.shape[1:] != found.shape[1:] for each in own) or not found.dim():
            return False
        expected = torch.cat(own)
        if expected.shape != found.shape:
            return False
        if expected.numel() and float((found - expected).abs().max()) > TOLERANCE * float(expected.abs().max()):
            return False
    return True


def joined(calls: Sequence[BatchRun]) -> BatchRun:
    """Return a batch with the samples of several batches of one kind, in order."""
    if len(calls) == 1:
        return calls[0]
    flat = [tree_flatten(call.batch) for call in calls]
    leaves = [
        torch.cat([each.detach() for each in own]).requires_grad_(own[0].requires_grad)
        if isinstance(own[0], Tensor)
        else own[0]
        for own in zip(*(leaves for leaves, _ in flat), strict=True)
    ]
    return BatchRun(tree_unflatten(leaves, flat[0][1]), calls[0].number, calls[0].device)
