"""Find out whether a trace contains constants that depend on the values of weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor


def other_values(weight: Tensor) -> Tensor:
    """Return other values for a weight, with which the model is likely to run, too."""
    if weight.is_floating_point():
        return weight * 1.25 + 0.5
    if weight.dtype == torch.bool:
        return ~weight
    turned = weight.reshape(-1).flip(0).reshape(weight.shape)  # indices remain valid
    return turned if not torch.equal(turned, weight) else (weight == 0).to(weight.dtype)


def same_steps(one: torch.jit.ScriptModule, other: torch.jit.ScriptModule) -> bool:
    """Return whether two modules do the same with the same constants."""
    graphs = one.inlined_graph, other.inlined_graph  # kept in a variable because they own the nodes
    return all(mine == theirs for mine, theirs in zip_longest(*map(_steps, graphs)))


def constants(module: torch.jit.ScriptModule) -> list[Tensor]:
    """Return the tensors that a module's code contains as constants."""
    graph: Any = module.inlined_graph  # kept in a variable because it owns the nodes
    nodes = graph.findAllNodes("prim::Constant")
    return [node.t("value") for node in nodes if node.hasAttribute("value") and node.kindOf("value") == "t"]


def _steps(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        attributes = [(name, _comparable(getattr(node, node.kindOf(name))(name))) for name in node.attributeNames()]
        values = [[value.debugName() for value in values] for values in (node.inputs(), node.outputs())]
        yield node.kind(), values, attributes
        for inner in node.blocks():
            yield from _steps(inner)


def _comparable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_comparable(each) for each in value]
    if isinstance(value, float):
        return repr(value)  # NaN equals itself
    if not isinstance(value, Tensor):
        return value
    bits = value.detach().cpu().resolve_conj().resolve_neg().reshape(-1).contiguous().view(torch.uint8)
    return value.dtype, value.shape, bits.numpy().tobytes()
