"""Make fused models exportable: bases are computed at run time, so that a file contains only code."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import fx, nn

from frformat.torch.factorization.fusion.fuse import complete
from frformat.torch.lowrank import algebra
from frformat.torch.lowrank.layers import CODED, Factored, coded


def portable(model: nn.Module) -> nn.Module:
    """Return a factored model that ``torch.jit.script``, ``torch.export`` and :func:`frformat.runtimes.export` accept.

    Its parameters and persistent buffers have the model's names and shapes: coefficients in zigzag order for factored
    layers, as in an ``.frz`` file, and rebuilt tensors for everything else. A model whose coefficients are all cores
    and factors is already portable. A skeleton lists which of its tensors are coefficients. Bases are computed
    in each run, which takes about a millisecond; stored bases would take a hundred times the space of the coefficients.

    >>> export(portable(factorize(UNet(), image, "unet.frz")), "unet.ptl")

    Args:
        model: made by :func:`frformat.torch.factorize`; it is left unchanged, and its parameters are shared.

    Raises:
        ValueError: its spectral layers are not fused, or some of them cannot be exported.
    """
    fused = exportable(model)
    if fused is None:
        return model
    return _portable(fused)


def exportable(model: nn.Module) -> fx.GraphModule | None:
    """Return a factored model if it is fused, or None if it is exportable as it is: it has only cores and factors.

    Raises:
        ValueError: its spectral layers are not fused, or some of them cannot be exported.
    """
    if not isinstance(model, fx.GraphModule):
        if coded(model) and not any(isinstance(layer, Factored) for layer in model.modules()):
            return None
        raise ValueError(
            f"{type(model).__name__} is not fused (summary(model).fusion says why); only fused models can be exported"
        )
    alone = [node.target for node in model.graph.nodes if node.op == "call_module" and _is_factored(model, node)]
    if alone:
        raise ValueError(
            f"{', '.join(map(str, alone))} cannot be exported to run on coefficients: convolutions with groups, and "
            "layers whose number of input axes varies, run only in Python"
        )
    return model


def _portable(model: fx.GraphModule) -> nn.Module:
    graph = copy.deepcopy(model.graph)
    *_, last_input = (node for node in graph.nodes if node.op == "placeholder")
    made: dict[tuple[int, int], fx.Node] = {}

    def basis(n: int, r: int, double: bool) -> fx.Node:
        if (n, r) not in made:
            with graph.inserting_after(last_input):
                made[n, r] = graph.call_function(algebra.cosines, (n, r, double))
        return made[n, r]

    for node in list(graph.nodes):
        node.type = (
            None if node.type in (torch.Tensor, "Tensor") else node.type
        )  # TorchScript assumes that None is a tensor
        path, _, name = str(node.target).rpartition(".")
        layer = model.get_submodule(path) if node.op == "get_attr" else None
        if not isinstance(layer, Factored) or name in ("weight", "bias", "places"):
            continue
        double, lengths, box = layer.weight.dtype == torch.float64, layer.factors.axes.lengths, layer.factors.box
        if name.startswith("table"):
            axis = int(name.removeprefix("table"))
            whole = layer.get_buffer(name).shape[0] > 0
            table = basis(lengths[axis] if whole else 0, box[axis], double)
        else:
            first_axis, *axes = layer.factors.axes_of(name)  # type: ignore[arg-type]
            table = basis(lengths[first_axis], box[first_axis], double)
            for axis in axes:
                with graph.inserting_before(node):
                    table = graph.call_function(torch.kron, (table, basis(lengths[axis], box[axis], double)))
        node.replace_all_uses_with(table)
        graph.erase_node(node)
    out = _with_calls(model, graph)
    complete(out, model)
    out.meta[CODED] = coded(model)
    return out


def _is_factored(model: fx.GraphModule, node: fx.Node) -> bool:
    return isinstance(model.get_submodule(str(node.target)), Factored)


def _with_calls(model: fx.GraphModule, graph: fx.Graph) -> fx.GraphModule:
    """Build a model from a graph, with methods of an interface in place of functions."""
    with warnings.catch_warnings():  # TorchScript is deprecated, but phones run it
        warnings.filterwarnings("ignore", r".*torch\.jit\..* is deprecated")
        from frformat.torch.factorization.operations import FUNCTIONS, Implementation, Portable
    first = next(iter(graph.nodes))
    with graph.inserting_before(first):
        operations = graph.get_attr("_operations")
    for node in graph.nodes:
        if node.op == "call_function" and node.target in FUNCTIONS:
            node.op, node.target, node.args = "call_method", FUNCTIONS[node.target], (operations, *node.args)
    model = copy.copy(model)
    model._modules = {**model._modules, "_operations": Implementation()}
    out = Portable(model, graph, type(model).__name__)
    torch._C._enable_mobile_interface_call_export()  # type: ignore[attr-defined]  # allows such calls in the lite interpreter's files
    return out.eval()
