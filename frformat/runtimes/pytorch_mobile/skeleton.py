"""Create models without weights: TorchScript modules that receive them at run time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from keyword import iskeyword
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch._jit_internal import FunctionModifiers

from frformat.checkpoints.torch_tensors import aliases
from frformat.runtimes.copies import captured, check_views, copied, state, unfilled
from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.dependence import constants, other_values, same_steps
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.runtimes.pytorch_mobile.scripting import scripted
from frformat.runtimes.pytorch_mobile.weights import assign, check, missing, refuse  # noqa: F401 — TorchScript finds them by name
from frformat.torch.lowrank.layers import forms

METHODS: Final = """
def _own(self) -> Dict[str, Tensor]:
    return {own}

def check_weights(self, shapes: Dict[str, List[int]], partial: bool) -> None:
    check(self._own(), self._ties, self._forms, shapes, partial)

def load_weights(self, weights: Dict[str, Tensor]) -> None:
    assign(self._own(), self._ties, self._loaded, self._forms, weights)
    self._ready = len(missing(self._own(), self._ties, self._loaded)) == 0

def weights_missing(self) -> List[str]:
    return missing(self._own(), self._ties, self._loaded)

def coefficients_wanted(self) -> Dict[str, List[int]]:
    return self._forms
"""

GUARDED: Final = """
def {name}(self{parameters}):
    if not self._ready:
        refuse(self.weights_missing())
    out = self.model.{name}({arguments})
    return {result}
"""
"""A method that calls the model's method, but raises an error while weights are missing."""

STRIDED: Final = ("aten::as_strided", "aten::as_strided_", "aten::as_strided_copy", "aten::as_strided_scatter")
"""Operators whose result depends on the strides of their input."""

RESERVED: Final = ("check_weights", "load_weights", "weights_missing", "coefficients_wanted", "_own")


class Skeleton(nn.Module):
    """Contains a scripted model and its weights; :func:`skeleton` compiles the methods."""

    def __init__(
        self, model: torch.jit.ScriptModule, ties: dict[str, str], forms: dict[str, list[int]], ready: bool
    ) -> None:
        super().__init__()
        self.model = model
        self._ties = torch.jit.Attribute(ties, dict[str, str])
        self._forms = torch.jit.Attribute(forms, dict[str, list[int]])
        self._loaded = torch.jit.Attribute({}, dict[str, str])
        self._ready = ready


def skeleton(
    model: nn.Module, example: tuple[Any, ...] | None = None, probe: bool = False, trace: bool = False
) -> tuple[torch.jit.ScriptModule, bool]:
    """Return ``model`` in evaluation mode as a TorchScript module without its parameters and persistent buffers.

    Parameters and persistent buffers keep their names and shapes but take no memory, because all of the same dtype
    share a single zero. Other buffers are kept.

    Args:
        model: the model, which is not modified. A TorchScript module is used directly.
        example: inputs with which to trace the model if it cannot be scripted.
        probe: see :func:`frformat.runtimes.pytorch_mobile.scripting.scripted`.
        trace: see the same function.

    Returns:
        The module, whose methods :mod:`frformat.runtimes.pytorch_mobile` documents, and whether it was traced.

    Raises:
        ExportError: the model cannot be scripted or traced, has a weight whose dtype runtimes do not support, or its
            trace depends on the values of weights.
    """
    weights = state(model)
    copy = copied(model, _own)
    inner, traced = scripted(copy, example, probe, trace)
    _check_views(copy, model, inner)
    if traced:
        _check_trace(model, inner, example, probe)
    _empty(inner, weights, probe)
    entries = ", ".join(f"{_quoted(name)}: torch.jit._unwrap_optional({_place(name, probe)})" for name in weights)
    with quietly():
        fresh = type("Skeleton", (Skeleton,), {})  # otherwise TorchScript would treat two similar skeletons as one type
        out = torch.jit.script(fresh(inner, aliases(weights), forms(model), not weights))
        out.define(METHODS.format(own=f"{{{entries}}}" if entries else "torch.jit.annotate(Dict[str, Tensor], {})"))
        for name in _methods(model, inner):
            out.define(_guarded(name, inner))
    return out, traced


def _own(weight: Tensor) -> Tensor:
    """Return a copy of a weight on the CPU; zeros if it has no elements because it is on the meta device."""
    return unfilled(weight) if weight.is_meta else weight.to("cpu", copy=True)


def _check_views(copy: nn.Module, model: nn.Module, module: torch.jit.ScriptModule) -> None:
    """Check that no tensor that a skeleton contains is a view of a weight, and that none depends on their strides.

    Raises:
        ExportError: there is one.
    """
    methods = module._c._method_names()
    if "forward" not in methods:
        return  # it will be refused
    graphs = [module._c._get_method(name).inlined_graph for name in methods]
    names = {node.s("name") for graph in graphs for node in graph.findAllNodes("prim::GetAttr")}
    weights = state(copy)
    known = {id(weight) for weight in weights.values()}
    tensors = {str(i): constant for i, constant in enumerate(constants(module))}
    for part in [] if isinstance(copy, torch.jit.ScriptModule) else copy.modules():
        held = {name: value for name, value in {**vars(part), **part._buffers}.items() if name in names}
        tensors |= {name: value for name, value in held.items() if isinstance(value, Tensor) and id(value) not in known}
    check_views([copy, model], tensors)
    if any(graph.findAllNodes(operator) for graph in graphs for operator in STRIDED):
        for name, weight in weights.items():
            if not weight.is_contiguous():
                raise ExportError(
                    f"{type(model).__name__} calls as_strided, and {name} is not contiguous, but weights on the phone "
                    "are; make it contiguous first"
                )


def _check_trace(
    model: nn.Module, module: torch.jit.ScriptModule, example: tuple[Any, ...] | None, probe: bool
) -> None:
    """Check that a trace would be the same with other weights.

    Raises:
        ExportError: it would not.
    """
    try:
        changed = copied(model, lambda weight: other_values(_own(weight)))
        other, _ = scripted(changed, example, probe, trace=True, compare=False)
        held = captured([model], {str(i): constant for i, constant in enumerate(constants(module))})
        same = not held and same_steps(module, other)
    except ExportError:
        same = False
    if not same:
        raise ExportError(
            f"{type(model).__name__} cannot be traced without its weights: it makes decisions or constants from their "
            "values, which a trace fixes; rewrite it for TorchScript, or keep such values in attributes that are not "
            "tensors"
        )


def _empty(module: torch.jit.ScriptModule, weights: Collection[str], probe: bool) -> None:
    """Replace the weights by zeros that share one element of memory."""
    zeros: dict[torch.dtype, Tensor] = {}
    tensors = module.state_dict(keep_vars=True)
    for name in weights:
        tensor = tensors[f"model.{name}" if probe else name]
        zero = zeros.setdefault(tensor.dtype, torch.zeros((), dtype=tensor.dtype))
        with torch.no_grad():
            tensor.set_(zero.expand(tensor.shape))


def _methods(model: nn.Module, inner: torch.jit.ScriptModule) -> Iterator[str]:
    """Yield the names of the public methods: ``forward``, and those with ``@torch.jit.export``."""
    names = inner._c._method_names()
    if "forward" not in names:
        kind = type(model).__name__
        raise ExportError(f"{kind} has no single forward method for TorchScript; wrap it in a module that calls one")
    for name in names:
        if name in RESERVED:
            raise ExportError(f"the model has its own method {name!r}; rename it")
        modifier = getattr(getattr(type(model), name, None), "_torchscript_modifier", None)
        if name == "forward" or modifier is FunctionModifiers.EXPORT:
            yield name


def _guarded(name: str, inner: torch.jit.ScriptModule) -> str:
    """Return the source of :data:`GUARDED` for one of the model's methods, with the parameters of that method."""
    parameters, arguments = "", []
    schema = getattr(inner, name).schema
    for argument in schema.arguments[1:]:
        default = f" = {argument.default_value!r}" if argument.has_default_value() else ""
        parameters += f", {argument.name}: {argument.type.annotation_str}{default}"
        arguments.append(f"{argument.name}={argument.name}")
    result = _contiguous("out", schema.returns[0].type)
    return GUARDED.format(name=name, parameters=parameters, arguments=", ".join(arguments), result=result)


def _contiguous(value: str, kind: Any) -> str:
    """Return TorchScript that makes the tensors in a result row-major, because PyTorch Mobile exposes their memory."""
    if isinstance(kind, torch.TensorType):
        return f"{value}.contiguous()"
    if isinstance(kind, torch.ListType) and isinstance(kind.getElementType(), torch.TensorType):
        return f"[each.contiguous() for each in {value}]"
    if isinstance(kind, torch.DictType) and isinstance(kind.getValueType(), torch.TensorType):
        return f"{{key: {value}[key].contiguous() for key in {value}.keys()}}"
    if isinstance(kind, torch.TupleType) and kind.annotation_str.startswith("Tuple["):  # a plain tuple, not a named one
        parts = [_contiguous(f"{value}[{index}]", part) for index, part in enumerate(kind.elements())]
        return f"({', '.join(parts)},)"
    return value


def _place(name: str, probe: bool) -> str:
    """Return TorchScript that accesses a weight by name. Parts of the name can be numbers."""
    out = "self.model.model" if probe else "self.model"
    for part in name.split("."):
        plain = part.isascii() and part.isidentifier() and not iskeyword(part)
        out = f"{out}.{part}" if plain else f"getattr({out}, {_quoted(part)})"
    return out


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
