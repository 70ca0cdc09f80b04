"""Merge normalizations into the layers before them, as exporters would, and record how to compute the new weights."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from frformat.runtimes.contract import Contract
from frformat.runtimes.copies import captured, check_strides, check_views, copied
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import quietly, reason
from frformat.runtimes.template.expressions import Constant
from frformat.runtimes.template.layout import Normalization, Plain, Scaled, Shifted, Value
from frformat.runtimes.template.static import Static

_ATEN: Final = torch.ops.aten
NORMALIZE: Final = _ATEN.batch_norm.default
LINEAR: Final[dict[Any, int]] = {
    _ATEN.linear.default: 0,
    _ATEN.conv1d.default: 0,
    _ATEN.conv2d.default: 0,
    _ATEN.conv3d.default: 0,
    _ATEN.conv1d.padding: 0,
    _ATEN.conv2d.padding: 0,
    _ATEN.conv3d.padding: 0,
    _ATEN.conv_transpose1d.default: 1,
    _ATEN.conv_transpose2d.input: 1,
    _ATEN.conv_transpose3d.input: 1,
}
"""The layers that can be merged with a normalization, and the axis of their output channels in the weight."""
GROUPS: Final = 6
"""Position of the number of groups among the arguments of a transposed convolution."""


@dataclass(frozen=True)
class Merged:
    """A traced model from which all normalizations with constant statistics have been removed.

    Attributes:
        module: the model. It shares no parameters with the original.
        parameters: names of its parameters and buffers that contain weights, each with the index of its value.
        values: how to compute them.
        normalizations: the normalizations that the values use.
        constants: the parameters whose elements are those of their value, rearranged.
    """

    module: fx.GraphModule
    parameters: dict[str, int]
    values: list[Value]
    normalizations: list[Normalization]
    constants: dict[str, Constant] = field(default_factory=dict)

    def used(self, number: int, length: int) -> NDArray[np.bool_]:
        """Return a mask of the elements of a value, of which there are ``length``, that the parameters contain."""
        mask = np.zeros(length, bool)
        for target, value in self.parameters.items():
            if value == number:
                constant = self.constants.get(target)
                mask[slice(None) if constant is None else constant.arranged(torch.arange(length)).numpy()] = True
        return mask

    def set(self, number: int, tensor: Tensor) -> None:
        """Replace the elements of a value in all parameters that contain it."""
        for target in [target for target, value in self.parameters.items() if value == number]:
            place, _, name = target.rpartition(".")
            old = getattr(self.module.get_submodule(place), name)
            constant = self.constants.get(target)
            old.data = tensor.reshape(old.shape) if constant is None else constant.arranged(tensor)


def merged(model: nn.Module, example: tuple[Any, ...], contract: Contract) -> Merged:
    """Trace a model in evaluation mode and merge its normalizations.

    Args:
        model: a result of :func:`frformat.runtimes.copies.plain`, which is not modified.
        example: all inputs.
        contract: the model's weights.

    Raises:
        ExportError: the model cannot be traced.
    """
    copy = copied(model, lambda weight: weight.clone())
    try:
        with quietly(), torch.no_grad():
            program = torch.export.export(copy, example, strict=False)
            checks = "check_guards" in inspect.signature(program.module).parameters
            module: Any = program.module(**({"check_guards": False} if checks else {}))
    except Exception as error:  # the exporter or the model can raise anything
        raise ExportError(f"{type(model).__name__} cannot be traced: {reason(error)}") from error
    targets = {node.target for node in module.graph.nodes if node.op == "get_attr"}
    constants = {name: value for name in targets if isinstance(value := attrgetter(name)(module), Tensor)}
    found = captured([copy, model], constants)
    weights = {*contract.wanted, *contract.ties, *found}
    check_views([copy, model], {name: each for name, each in constants.items() if name not in weights})
    check_strides(program.graph.nodes)
    merging = _Merging(module, contract, found)
    if isinstance(copy, Static):
        merging.constants, merging.normalizations = copy.constants, list(map(merging.untied, copy.normalizations))
    return merging.run()


class _Merging:
    def __init__(self, module: fx.GraphModule, contract: Contract, names: Mapping[str, str]) -> None:
        self.module = module
        self.contract = contract
        self.names = names
        self.parameters: dict[str, int] = {}
        self.values: dict[Value, int] = {}
        self.normalizations: list[Normalization] = []
        self.constants: dict[str, Constant] = {}

    def run(self) -> Merged:
        for node in list(self.module.graph.nodes):
            if node.target is NORMALIZE:
                self._merge(node)
        self.module.graph.eliminate_dead_code()
        self.module.recompile()
        used = {node.target for node in self.module.graph.nodes if node.op == "get_attr"}
        self._drop_unused(used)
        for target in sorted(used):
            name = self._name(target)
            if target in self.constants:
                self._add(target, self._untied_value(self.constants[target].value))
                elements = getattr(self.module, target)
                delattr(self.module, target)
                self.module.register_parameter(target, nn.Parameter(elements, False))
            elif name is not None:
                self._add(target, Plain(name))
        return Merged(self.module, self.parameters, list(self.values), self.normalizations, self.constants)

    def _drop_unused(self, used: Collection[Any]) -> None:
        """Remove the tensors that the graph does not use, because ExecuTorch's exporter writes unused buffers.

        These are the statistics of merged normalizations, and the tables of factored layers.
        """
        tensors = [
            *self.module.named_buffers(remove_duplicate=False),
            *self.module.named_parameters(remove_duplicate=False),
        ]
        for target, _ in tensors:
            if target not in used:
                place, _, name = target.rpartition(".")
                delattr(self.module.get_submodule(place), name)

    def untied(self, each: Normalization) -> Normalization:
        """Replace additional names of tensors with their names in the contract."""
        weight, bias = (None if name is None else self._name(name) for name in (each.weight, each.bias))
        return Normalization(each.eps, self._name(each.variance) or "", self._name(each.mean) or "", weight, bias)

    def _untied_value(self, value: Value) -> Value:
        return value if value.tensor is None else replace(value, tensor=self._name(value.tensor))  # type: ignore[arg-type]

    def _add(self, target: str, value: Value) -> None:
        self.parameters[target] = self.values.setdefault(value, len(self.values))

    def _name(self, target: str) -> str | None:
        """Return the name of a weight in the contract; None for any other constant."""
        target = self.names.get(target, target)
        name = self.contract.ties.get(target, target)
        return name if name in self.contract.wanted else None

    def _merge(self, node: fx.Node) -> None:
        """Merge a normalization into the layer before it or, if that is impossible, into one product and one sum."""
        source, weight, bias, mean, variance, training, _, eps, *_ = node.args
        names = [self._weight(each) for each in (variance, mean, weight, bias)]
        absent = [each is None for each in (variance, mean, weight, bias)]
        if training or any(name is None and not none for name, none in zip(names, absent, strict=True)):
            return
        if names[0] is None or names[1] is None:
            return  # it uses the statistics of its input
        assert isinstance(eps, float)
        self.normalizations.append(Normalization(eps, names[0], names[1], names[2], names[3]))
        assert isinstance(source, fx.Node)
        if not self._merge_into(source, node):
            self._unmerged(source, node)

    def _merge_into(self, layer: fx.Node, node: fx.Node) -> bool:
        number = len(self.normalizations) - 1
        axis = LINEAR.get(layer.target)
        if axis is None or len(layer.users) > 1 or (axis and len(layer.args) > GROUPS and layer.args[GROUPS] != 1):
            return False
        channel = node.args[0].meta["val"].dim() - 1 if layer.target is _ATEN.linear.default else 1  # type: ignore[union-attr]
        if channel != 1:
            return False  # it normalizes an axis other than that of the output channels
        weight = self._weight(layer.args[1])
        bias = layer.args[2] if len(layer.args) > 2 else None
        bias_name = self._weight(bias)
        if weight is None or (bias is not None and bias_name is None):
            return False
        shape = self.contract.wanted[weight].shape
        if layer.target is not _ATEN.linear.default and layer.meta["val"].dim() != len(shape):
            return False  # there is no batch, so the output channels are axis 0
        name = f"merged_{number}"
        with self.module.graph.inserting_before(layer):
            new = (
                self._parameter(f"{name}_weight", Scaled(weight, axis, number), shape),
                self._parameter(f"{name}_bias", Shifted(bias_name, number), self._channels(number)),
            )
        layer.args = (layer.args[0], *new, *layer.args[3:])
        node.replace_all_uses_with(layer)
        self.module.graph.erase_node(node)
        return True

    def _unmerged(self, source: fx.Node, node: fx.Node) -> None:
        number = len(self.normalizations) - 1
        shape = (*self._channels(number), *[1] * (source.meta["val"].dim() - 2))
        graph = self.module.graph
        with graph.inserting_before(node):
            scale = self._parameter(f"merged_{number}_scale", Scaled(None, 0, number), shape)
            shift = self._parameter(f"merged_{number}_shift", Shifted(None, number), shape)
            product = graph.call_function(_ATEN.mul.Tensor, (source, scale))
            new = graph.call_function(_ATEN.add.Tensor, (product, shift))
        node.replace_all_uses_with(new)
        graph.erase_node(node)

    def _parameter(self, name: str, value: Value, shape: tuple[int, ...]) -> fx.Node:
        self.module.register_parameter(name, nn.Parameter(torch.zeros(shape), False))
        self._add(name, value)
        return self.module.graph.get_attr(name)

    def _channels(self, number: int) -> tuple[int, ...]:
        return self.contract.wanted[self.normalizations[number].variance].shape

    def _weight(self, node: Any) -> str | None:
        """Return the name of the weight that a node refers to; None if it does not refer to a weight."""
        return self._name(str(node.target)) if isinstance(node, fx.Node) and node.op == "get_attr" else None
