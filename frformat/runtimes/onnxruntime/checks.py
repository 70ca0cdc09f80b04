"""Check in an ONNX graph that the lengths of its inputs are those for which its trace is valid.

Each check is a Reshape of an input to its own shape, which costs nothing, or to an invalid shape, which fails. Its name
states the rule: ``frz: x.shape[0] % 4 == 0``. ONNX Runtime quotes the name of a node that fails.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sympy

from frformat.runtimes.arithmetic import Evaluator, UnsupportedError
from frformat.runtimes.conditions import Conditions

if TYPE_CHECKING:
    import onnx_ir as ir

PREFIX: Final = "frz: "

_NODES: Final = {
    "add": "Add",
    "mul": "Mul",
    "mod": "Mod",
    "pow": "Pow",
    "max": "Max",
    "min": "Min",
    "eq": "Equal",
    "lt": "Less",
    "le": "LessOrEqual",
    "and": "And",
    "or": "Or",
    "not": "Not",
    "where": "Where",
    "sqrt": "Sqrt",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
}
_TO_INT: Final = ("floor", "ceil", "round", "trunc")
_TO_FLOAT: Final = ("truediv", "float", "sqrt")
_LOGICAL: Final = ("and", "or", "not")
_COMPARISONS: Final = ("eq", "lt", "le")
_INT64: Final = 7
_DOUBLE: Final = 11


_numbers: Final = itertools.count()


class _Scalar(NamedTuple):
    """A scalar of the graph: a 64-bit integer or float, or a bool.

    Attributes:
        value: the scalar.
        kind: ``int``, ``float`` or ``bool``.
        number: its value if it is a constant.
    """

    value: ir.Value
    kind: type
    number: float | None = None


class _Nodes:
    """Builds nodes. These are the operations of :mod:`frformat.runtimes.arithmetic` on scalars of a graph."""

    def __init__(self) -> None:
        self.nodes: list[ir.Node] = []
        self.constants: dict[Any, ir.Value] = {}
        self.shapes: dict[ir.Value, ir.Value] = {}
        self.lengths: dict[tuple[ir.Value, int], _Scalar] = {}
        self.conditions: list[_Scalar] = []  # what must hold so that no operation fails

    def add(self, operator: str, *inputs: ir.Value, name: str | None = None, **attributes: Any) -> ir.Value:
        import onnx_ir as ir

        node = ir.node(operator, inputs, attributes or None, name=name)
        node.outputs[0].name = f"{PREFIX}{next(_numbers)}"  # differs from the names of all other values
        self.nodes.append(node)
        return node.outputs[0]

    def constant(self, value: float) -> _Scalar:
        import numpy as np
        import onnx_ir as ir

        kind = type(value)
        if (kind, value) not in self.constants:
            dtype: Any = {int: np.int64, float: np.float64, bool: np.bool_}[kind]
            self.constants[kind, value] = self.add("Constant", value=ir.tensor(np.array(value, dtype)))
        return _Scalar(self.constants[kind, value], kind, value)

    def integers(self, *values: int) -> ir.Value:
        return self.add("Constant", value_ints=list(values))

    def shape(self, value: ir.Value) -> ir.Value:
        if value not in self.shapes:
            self.shapes[value] = self.add("Shape", value)
        return self.shapes[value]

    def length(self, value: ir.Value, axis: int) -> _Scalar:
        if (value, axis) not in self.lengths:
            self.lengths[value, axis] = _Scalar(self.add("Gather", self.shape(value), self.constant(axis).value), int)
        return self.lengths[value, axis]

    def number(self, value: ir.Value, kind: type) -> _Scalar:
        return _Scalar(self.add("Cast", self.add("Squeeze", value), to=_DOUBLE if kind is float else _INT64), kind)

    def checked(self, value: ir.Value, source: ir.Value, holds: _Scalar, text: str) -> ir.Value:
        """Return a value, with the shape of ``source``, that exists only if a condition holds."""
        scalar = value.shape is not None and len(value.shape) == 0
        wide = self.add("Unsqueeze", value, self.integers(0)) if scalar else value
        shape = self.add("Where", holds.value, self.shape(wide if scalar else source), self.constant(-2).value)
        result = self.add("Reshape", wide, shape, name=PREFIX + text, allowzero=1)
        if scalar:
            result = self.add("Squeeze", result, self.integers(0))
        result.shape, result.type = value.shape, value.type
        return result

    def apply(self, operation: str, *operands: _Scalar) -> _Scalar:
        if operation in _TO_FLOAT or any(each.kind is float for each in operands):
            operands = tuple(each if each.kind is bool else self._cast(each, float) for each in operands)
        if operation == "floordiv":
            return self._divide(*operands)
        if operation == "mod":
            operands = operands[0], self._divisor(operands[1])
        values = [each.value for each in operands]
        kind = bool if operation in _COMPARISONS or operation in _LOGICAL else operands[-1].kind
        if operation == "truediv":
            return _Scalar(self.add("Div", values[0], self._divisor(operands[1]).value), float)
        if operation in _NODES:
            if operation == "mod" and kind is float:
                raise UnsupportedError(operation)
            result = _Scalar(self.add(_NODES[operation], *values), kind)
            return self._cast(result, int) if operation in _TO_INT else result
        return self._cast(operands[0], int) if operation == "trunc" else operands[0]  # trunc or float

    def _divide(self, one: _Scalar, other: _Scalar) -> _Scalar:
        """Divide integers and round down. ONNX rounds towards zero."""
        if one.kind is not int:
            raise UnsupportedError("floordiv")
        other = self._divisor(other)
        rest = self.add("Mod", one.value, other.value)
        return _Scalar(self.add("Div", self.add("Sub", one.value, rest), other.value), int)

    def _divisor(self, scalar: _Scalar) -> _Scalar:
        """Return a divisor that is 1 instead of 0, which would end the process, and require that it is not 0."""
        if scalar.number:
            return scalar
        zero, one = self.constant(scalar.kind(0)), self.constant(scalar.kind(1))
        empty = self.apply("eq", scalar, zero)
        self.conditions.append(self.apply("not", empty))
        return self.apply("where", empty, one, scalar)

    def _cast(self, scalar: _Scalar, kind: type) -> _Scalar:
        if scalar.kind is kind:
            return scalar
        return _Scalar(self.add("Cast", scalar.value, to=_DOUBLE if kind is float else _INT64), kind)


def add_checks(
    model: ir.Model, conditions: Conditions, names: Mapping[str, str], computed: Mapping[Any, ir.Value]
) -> list[str]:
    """Add the checks of all rules to a graph, and return the rules as Python expressions.

    Args:
        model: modified in place.
        conditions: under which the graph is valid.
        names: the names of the inputs in the graph.
        computed: for each computed symbol, the value that contains it or has it as a length.
    """
    values = {value.name: value for value in model.graph.inputs}
    checks = _Checks(model, conditions, {name: values[new] for name, new in names.items()}, computed)
    positive = [rule for rule in conditions.rules if isinstance(rule, sympy.Gt) and rule.args[1] == 0]
    positive = [rule for rule in positive if rule.args[0] in conditions.lengths]
    texts = []
    for name in dict.fromkeys(conditions.lengths[rule.args[0]].input for rule in positive):
        texts.append(f"0 not in {names[name]}.shape")
        checks.add_positive(name, texts[-1])
    for rule in conditions.rules:
        if rule not in positive:
            texts.append(conditions.described(rule, names))
            checks.add(rule, texts[-1])
    return texts


class _Checks:
    def __init__(
        self, model: ir.Model, conditions: Conditions, inputs: Mapping[str, ir.Value], computed: Mapping[Any, ir.Value]
    ) -> None:
        self.graph, self.conditions, self.computed = model.graph, conditions, computed
        self.inputs, self.nodes = inputs, _Nodes()
        self.checked = {name: value for name, value in inputs.items() if value.uses()}  # what the model uses
        self.own: set[ir.Node] = set()

    def add_positive(self, name: str, text: str) -> None:
        """Add a check that no length of an input is 0."""
        least = self.nodes.add("ReduceMin", self.nodes.shape(self.inputs[name]), keepdims=0)
        self._check_input(name, self.nodes.apply("lt", self.nodes.constant(0), _Scalar(least, int)), text)

    def add(self, rule: Any, text: str) -> None:
        """Add a check of a rule."""
        nodes = self.nodes
        known: dict[Any, _Scalar] = {}
        lengths = self.conditions.lengths
        for symbol in sorted(rule.free_symbols, key=str):
            if symbol in lengths:
                known[symbol] = nodes.length(self.inputs[lengths[symbol].input], lengths[symbol].axis)
            else:
                axis, value = self.conditions.computed[symbol].axis, self.computed[symbol]
                kind = int if symbol.is_integer else float
                known[symbol] = nodes.number(value, kind) if axis is None else nodes.length(value, axis)
        holds = Evaluator(nodes, known).value(rule)
        for each in nodes.conditions:
            holds = nodes.apply("and", holds, each)
        nodes.conditions.clear()
        if all(symbol in lengths for symbol in known):
            self._check_input(lengths[next(iter(known))].input, holds, text)
        else:
            self._check_outputs(holds, text)

    def _check_input(self, name: str, holds: _Scalar, text: str) -> None:
        """Check a condition before anything uses an input or, if nothing does, another input."""
        carrier = name if name in self.checked else next(iter(self.checked), None)
        if carrier is None:
            self._check_outputs(holds, text)
            return
        value = self.checked[carrier]
        self.own.update(self.nodes.nodes)
        uses = [(node, index) for node, index in value.uses() if node not in self.own]
        checked = self.nodes.checked(value, self.inputs[carrier], holds, text)
        for node, index in uses:
            node.replace_input_with(index, checked)
        self.checked[carrier] = checked
        first = next(node for node in self.graph if node not in self.own)
        self.graph.insert_before(first, self._new())

    def _check_outputs(self, holds: _Scalar, text: str) -> None:
        for i, value in enumerate(self.graph.outputs):
            checked = self.nodes.checked(value, value, holds, text if i == 0 else f"{text} ({i})")
            checked.name, value.name = value.name, f"{PREFIX}{next(_numbers)}"
            self.graph.outputs[i] = checked
        self.graph.extend(self._new())

    def _new(self) -> list[ir.Node]:
        """Return the nodes that are not in the graph yet."""
        found = [node for node in self.nodes.nodes if node.graph is None]
        self.own.update(found)
        return found
