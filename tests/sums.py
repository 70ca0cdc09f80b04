"""Bounds on the difference between results that differ only in the order of their sums.

Libraries add in an order that depends on their version, the processor and the alignment of memory. A tolerance found by
trial is therefore valid only on one machine; the bounds here follow from the sums themselves. A sum of n
terms is off by at most about √n units in the last place of the sum of their magnitudes (Higham and Mary, 2019: the
worst case, n units, requires all rounding errors to have the same sign).
"""

from __future__ import annotations

import copy
import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from frformat.torch import unregularize

SURE: Final = 4.0
"""The difference to allow, as a multiple of √n units in the last place."""

DRAWS: Final = 3
"""Number of perturbations of a network."""

aten = torch.ops.aten

TERMS: Final[dict[Any, Any]] = {
    aten.mm.default: lambda a, b: a.shape[-1],
    aten.bmm.default: lambda a, b: a.shape[-1],
    aten.addmm.default: lambda c, a, b: a.shape[-1] + 1,
    aten.convolution.default: lambda x, w, *rest: w.numel() // (w.shape[1] if rest[4] else w.shape[0]) + 1,
}
"""Operators that sum products, each with a function from its arguments to the number of terms of a sum."""


def slack(terms: int, magnitude: float, dtype: torch.dtype = torch.float32) -> float:
    """Return how far two sums of the same numbers may differ.

    Args:
        terms: number of terms in a sum.
        magnitude: the sum of their magnitudes, or more.
        dtype: the type in which they are added.
    """
    return SURE * math.sqrt(terms) * torch.finfo(dtype).eps * magnitude


def same_sums(found: Tensor, expected: Tensor, terms: int) -> None:
    """Check shape and type, and that no element differs by more than sums of this many terms can.

    For n terms of random signs, the sum of their magnitudes is about √n times the largest sum.
    """
    largest = float(expected.detach().abs().max()) if expected.numel() else 0.0
    assert_same(found, expected, slack(terms, math.sqrt(terms) * largest, expected.dtype))


def network_slack(model: nn.Module, *inputs: Tensor, dtype: torch.dtype = torch.float32) -> float:
    """Return how far the outputs of a network may differ if it is computed in ``dtype`` in two ways.

    The network runs in float64, where each operator's result is perturbed by as much as rounding could change it.
    The slack is the effect on the outputs, times a safety factor of two. It is small for robust networks and for sums
    without cancellation, and larger for deep and sensitive networks.
    """
    exact = unregularize(copy.deepcopy(model)).double().eval()
    doubles = [x.double() if x.is_floating_point() else x for x in inputs]
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        expected = exact(*doubles)
        apart = 0.0
        for _ in range(DRAWS):
            with _Disturbed(torch.finfo(dtype).eps):
                found = exact(*doubles)
            apart = max(apart, float((found - expected).abs().max()))
    return 2 * apart


def assert_same(found: Tensor, expected: Tensor, within: float) -> None:
    """Check that shapes and types agree, and that no elements differ by more than ``within``."""
    torch.testing.assert_close(found, expected, rtol=0, atol=within)


class _Disturbed(TorchDispatchMode):
    """Adds noise to the results of operators, as large as the rounding errors of their sums in another precision."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self._eps = eps

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        if function in TERMS:
            magnitude = function(*tree_map(_magnitude, args), **(kwargs or {}))
            terms = TERMS[function](*args)
        elif isinstance(out, Tensor) and not any(r.alias_info for r in function._schema.returns):
            given = max((arg.numel() for arg in args if isinstance(arg, Tensor)), default=1)
            magnitude, terms = out.abs(), max(1, given // max(out.numel(), 1))
        else:
            return out
        if isinstance(out, Tensor) and out.is_floating_point():
            out += (2 * torch.rand_like(out) - 1) * magnitude * (SURE * math.sqrt(terms) * self._eps)
        return out


def _magnitude(arg: Any) -> Any:
    return arg.abs() if isinstance(arg, Tensor) else arg
