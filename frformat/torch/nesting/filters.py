"""Filters of a network, and every tensor that grows with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED: Final = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS: Final = (*CONVOLUTIONS, *TRANSPOSED, nn.Linear)
"""Layers that have filters, one for each output channel."""


@dataclass(frozen=True)
class Member:
    """An axis of a tensor that has ``block`` entries for each filter, in the order of the filters."""

    tensor: str
    axis: int
    block: int = 1


@dataclass(frozen=True)
class FilterGroup:
    """Filters that are ranked and removed together.

    Attributes:
        layer: name of the layer that they belong to.
        count: number of filters.
        members: the axes that grow with them: outputs of the layer and of its normalization, inputs of the next layer.
    """

    layer: str
    count: int
    members: tuple[Member, ...]


Groups = Mapping[str, FilterGroup]
"""Groups of filters by the name of their layer."""


def permute(model: nn.Module, group: FilterGroup, order: Tensor, held: Mapping[str, Tensor] | None = None) -> None:
    """Reorder filters in place; the network computes the same function.

    Args:
        model: the network.
        group: the filters.
        order: current indices of the first n filters in their new order, shape (n,); other filters stay in place.
        held: tensors by name, if the model's own names have changed; see
            :func:`frformat.torch.nesting.structure.originals`.
    """
    tensors = held if held is not None else {**dict(model.named_parameters()), **dict(model.named_buffers())}
    with torch.no_grad():
        for member in group.members:
            tensor = tensors[member.tensor]
            blocks = order[:, None] * member.block + torch.arange(member.block, device=order.device)
            rows = blocks.flatten().to(tensor.device)
            tensor.narrow(member.axis, 0, len(rows)).copy_(tensor.index_select(member.axis, rows))
