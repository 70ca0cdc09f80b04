"""Write models for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from frformat.errors import DependencyError
from frformat.format.atomic import replacing
from frformat.runtimes.conditions import Conditions
from frformat.runtimes.contract import Contract, Wanted
from frformat.runtimes.copies import captured, check_views, contract, copied, state, unfilled
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import quietly, reason
from frformat.runtimes.onnxruntime.checks import add_checks
from frformat.runtimes.onnxruntime.compact import simplify, strip
from frformat.runtimes.onnxruntime.comparing import compare
from frformat.runtimes.onnxruntime.functions import add_functions
from frformat.runtimes.onnxruntime.lookups import name_lookups
from frformat.runtimes.onnxruntime.operations import outline
from frformat.runtimes.onnxruntime.skeleton import Needs, hollow
from frformat.runtimes.written import Export
from frformat.torch.lowrank.layers import coded

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

RELEASE: Final = "1.20"
"""The oldest release of ONNX Runtime with which skeletons are tested."""


def write(
    model: nn.Module,
    path: str,
    *,
    example: tuple[Any, ...] | None = None,
    with_weights: bool = False,
    dynamic: bool = True,
    weights_as_inputs: bool = False,
) -> Export:
    """Write a model for ONNX Runtime; see :func:`frformat.runtimes.export`.

    Args:
        model: a result of :func:`frformat.runtimes.copies.plain`.
        path: destination.
        example: all inputs.
        with_weights: whether to include the weights.
        dynamic: whether to allow any length for every input axis where the model does. Otherwise, the lengths of the
            example are fixed.
        weights_as_inputs: whether the weights are inputs of the graph rather than initializers. Coefficients are
            always initializers, so ONNX Runtime computes anything that depends only on them once.

    Raises:
        ExportError: the model cannot be exported. The message says why.
        DependencyError: the packages of the extra ``onnx`` are not installed.
        OSError: the file cannot be written.
    """
    if with_weights and weights_as_inputs:
        raise ExportError("a model that contains its weights cannot have them as inputs; pass only one of the options")
    if example is None:
        raise ExportError("ONNX Runtime needs a trace; pass an example input (on the command line, --example)")
    if isinstance(model, torch.jit.ScriptModule):
        raise ExportError("ONNX cannot be exported from TorchScript; pass the module from which it was made")
    try:
        import onnx_ir as ir
        import onnxscript  # noqa: F401 — required by PyTorch's exporter
    except ImportError as error:
        raise DependencyError("exporting for ONNX Runtime", error) from error

    from frformat.runtimes.onnxruntime.tracing import traced

    copy = copied(model, (lambda weight: weight) if with_weights else unfilled)
    texts = outline(copy)
    graph, unused, conditions = traced(copy, example, dynamic)
    _name_captured(graph, [copy, model], with_weights)
    plan = _plan(model, set(graph.graph.initializers), unused)
    names = _name_values(graph, plan)
    _merge_copies(graph, plan)
    computed = _kept(graph, conditions)
    try:
        with quietly():
            simplify(graph, plan.wanted)
    except Exception as error:  # the optimizer can raise anything
        advice = "; dynamic=False may help" if dynamic else ""
        raise ExportError(f"{type(model).__name__} cannot be exported to ONNX: {reason(error)}{advice}") from error
    name_lookups(graph)
    rules = add_checks(graph, conditions, names, _taken(graph, computed))
    plan = _used(graph, plan)
    if not with_weights:
        for name in plan.wanted:
            value = graph.graph.initializers[name]
            assert value.const_value is not None
            assert value.dtype is not None
            shape: Any = value.const_value.shape
            value.const_value = ir.ExternalTensor("", None, None, value.dtype, shape=shape, name=name)
    proto: onnx.ModelProto = ir.to_proto(graph)
    add_functions(proto, texts)
    strip(proto, plan.wanted)
    inputs = [name for name, want in plan.wanted.items() if weights_as_inputs and not want.form]
    data = proto.SerializeToString(deterministic=True) if with_weights else hollow(proto, Needs(plan, inputs))
    needed = Needs(Contract({})) if with_weights else Needs(plan, inputs)
    operators = sorted({node.op_type for node in proto.graph.node})
    fault, skipped = compare(data, needed, model, example, operators)
    if fault:
        raise ExportError(
            f"{type(model).__name__} cannot be exported to ONNX: with the example, ONNX Runtime returns {fault}; "
            "PyTorch's exporter translates an operation wrongly, or the model uses a length as text or as a key"
        )
    with replacing(path) as file:
        file.write(data)
    return Export(
        path=path,
        bytes=len(data),
        runtime="ONNX Runtime",
        release=RELEASE,
        tensors=list(state(model)),
        coefficients=list(coded(model)),
        operators=operators,
        inputs={value.name or "": _lengths(value) for value in graph.graph.inputs},
        rules=rules,
        unchecked=skipped,
    )


def _plan(model: nn.Module, initializers: set[str], unused: set[str]) -> Contract:
    """Return what the skeleton will need. Name tied tensors as the graph does.

    Raises:
        ExportError: a weight is neither in the graph nor known to be unused, so it may have become part of a constant.
    """
    whole = contract(model)
    wanted: dict[str, Wanted] = {}
    ties: dict[str, str] = {}
    spare: list[str] = []
    lost: list[str] = []
    for name, want in whole.wanted.items():
        names = whole.names(name)
        there = next((each for each in names if each in initializers), None)
        if there is not None:
            wanted[there] = want
            ties |= {each: there for each in names if each != there}
        elif unused.issuperset(names):
            spare += names
        else:
            lost.append(name)
    if lost:
        raise ExportError(
            f"{type(model).__name__} cannot be exported without its weights: {', '.join(lost[:8])} would become "
            "part of a constant; use the weight unchanged in forward"
        )
    return Contract(wanted, ties, spare)


def _name_captured(model: ir.Model, modules: list[nn.Module], with_weights: bool) -> None:
    """Give initializers that are weights the names of the weights.

    Raises:
        ExportError: an initializer is a view of a weight, unless the file will contain the weights.
    """
    import onnx_ir as ir

    initializers = model.graph.initializers
    raw = {name: getattr(value.const_value, "raw", None) for name, value in initializers.items()}
    constants = {name: tensor for name, tensor in raw.items() if isinstance(tensor, Tensor)}
    found = captured(modules, constants)
    weights = {name for module in modules for name in state(module)}
    others = {name: each for name, each in constants.items() if name not in weights and name not in found}
    check_views([] if with_weights else modules, others)
    for name, weight in found.items():
        value = initializers.pop(name)
        if weight in initializers:
            ir.convenience.replace_all_uses_with(value, initializers[weight])
        else:
            value.name = weight
            model.graph.register_initializer(value)


def _kept(model: ir.Model, conditions: Conditions) -> list[Any]:
    """Make values that the conditions need outputs, so that the optimizer keeps them, and return their symbols.

    Raises:
        ExportError: the graph does not contain one of them.
    """
    import onnx_ir as ir

    values = {value.name: value for node in model.graph for value in node.outputs}
    needed = {symbol for rule in conditions.rules for symbol in rule.free_symbols if symbol in conditions.computed}
    symbols = sorted(needed, key=str)
    for symbol in symbols:
        each = conditions.computed[symbol]
        if each.node not in values:
            raise ExportError(f"cannot check {each.node}, from which the model computes lengths")
        node = ir.node("Identity", [values[each.node]])
        model.graph.append(node)
        model.graph.outputs.append(node.outputs[0])
    return symbols


def _taken(model: ir.Model, symbols: list[Any]) -> dict[Any, ir.Value]:
    """Undo :func:`_kept`, and return the value of each symbol."""
    first = len(model.graph.outputs) - len(symbols)
    values = dict(zip(symbols, list(model.graph.outputs)[first:], strict=True))
    del model.graph.outputs[first:]
    return values


def _merge_copies(model: ir.Model, plan: Contract) -> None:
    """Keep one initializer of a tensor that the model contains as several objects that share memory."""
    import onnx_ir as ir

    initializers = model.graph.initializers
    for tie, name in plan.ties.items():
        if tie in initializers:
            ir.convenience.replace_all_uses_with(initializers.pop(tie), initializers[name])


def _used(model: ir.Model, plan: Contract) -> Contract:
    """Remove the weights that nothing uses any longer, such as those without elements that were to be appended."""
    spare = [name for name in plan.wanted if not model.graph.initializers[name].uses()]
    for name in spare:
        del model.graph.initializers[name]
    return Contract(
        {name: want for name, want in plan.wanted.items() if name not in spare},
        {tie: name for tie, name in plan.ties.items() if name not in spare},
        [*plan.unused, *(each for name in spare for each in plan.names(name))],
    )


def _name_values(model: ir.Model, plan: Contract) -> dict[str, str]:
    """Name values, and return the new name of each input.

    Input axes of variable length are named after their input and index, and outputs after their order. Inputs must not
    have the name of a weight. Outputs must not be inputs or weights, which the optimizer would rename. Other constants
    must not have the name of a result that the optimizer might compute.
    """
    import onnx_ir as ir

    results = {value.name for node in model.graph.all_nodes() for value in node.outputs}
    taken = {*plan.wanted, *plan.ties, *plan.unused, *(value.name for value in model.graph.inputs), *results}

    def fresh(name: str | None) -> str:
        found = next(each for i in range(len(taken) + 1) if (each := f"{name}_{i}") not in taken)
        taken.add(found)
        return found

    renamed = {value.name or "": value for value in model.graph.inputs}
    for value in model.graph.inputs:
        if value.name in plan.wanted:
            value.name = fresh(value.name)
    for name in [each for each in model.graph.initializers if each in results and each not in plan.wanted]:
        value = model.graph.initializers.pop(name)
        value.name = fresh(name)
        model.graph.register_initializer(value)
    for i, value in enumerate(model.graph.outputs):
        if value.producer() is None:
            node = ir.node("Identity", [value])
            node.outputs[0].shape, node.outputs[0].type = value.shape, value.type
            model.graph.append(node)
            model.graph.outputs[i] = node.outputs[0]
    names: dict[str, str] = {}
    for value in model.graph.inputs:
        assert value.shape is not None
        for axis, length in enumerate(value.shape):
            if isinstance(length, ir.SymbolicDim) and length.value is not None:
                name = names.setdefault(str(length.value), f"{value.name}_{axis}")
                value.shape[axis] = ir.SymbolicDim(name)
    for i, value in enumerate(model.graph.outputs):
        value.shape = (
            None if value.shape is None else ir.Shape([n if isinstance(n, int) else None for n in value.shape])
        )
        if value.producer() is not None:
            value.name = "output" if len(model.graph.outputs) == 1 else f"output_{i}"
    return {name: value.name or "" for name, value in renamed.items()}


def _lengths(value: ir.Value) -> list[int | str]:
    assert value.shape is not None
    return [n if isinstance(n, int) else str(n.value) for n in value.shape]
