"""The module that runs a fused graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.graph_module import reduce_graph_module
from torch.utils._pytree import tree_map_only

from frformat.torch.modes import full_precision


class FusedModule(fx.GraphModule):
    """A fused graph, which computes in its own type even under autocast.

    Products of bases take the place of whole layers, and the shifts of normalization are among their columns: rounding
    each of them to 16 bits would cost far more accuracy than rounding the values between layers.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph."""
        weight = next(self.parameters())
        if not torch.is_autocast_enabled(weight.device.type):
            return super().__call__(*args, **kwargs)

        def cast(tensor: Tensor) -> Tensor:
            return tensor.to(weight.dtype) if tensor.is_floating_point() else tensor

        with full_precision(weight):
            args, kwargs = tree_map_only(Tensor, cast, (args, kwargs))
            return super().__call__(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to restore the module from its code."""
        return _restored, super().__reduce__()[1]


def _restored(body: dict[str, Any], imports: str) -> fx.GraphModule:
    module: Any = reduce_graph_module(body, imports)
    type(module).__bases__ = (FusedModule,)  # each graph module has a class of its own
    restored: fx.GraphModule = module
    return restored
