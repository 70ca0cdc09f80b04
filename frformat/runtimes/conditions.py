"""Find out for which lengths of its inputs a traced model is valid.

A trace contains only one branch of each decision that the model's code makes. If the code decides by lengths
(``x.shape[0] > 2``, ``n % 4``), the trace is valid only for lengths that lead to the same decisions. PyTorch records
these decisions while it traces a model with symbolic lengths.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sympy
import torch
from torch import SymInt, Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils._sympy.functions import PythonMod
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.symbol import SymT, symbol_is_type
from torch.utils._sympy.value_ranges import ValueRanges, bound_sympy

from frformat.runtimes.arithmetic import UnsupportedError, holding, holds
from frformat.runtimes.errors import ExportError
from frformat.runtimes.rules import printed, reduced

Expression = Any  # sympy has no types

UNBACKED: Final = (SymT.UNBACKED_INT, SymT.UNBACKED_FLOAT)

ALWAYS: Final = ValueRanges(sympy.true, sympy.true)

MOST: Final = 4096
"""The largest length for which to find out whether a rule follows from others. Rules that change beyond it are kept."""

COMBINATIONS: Final = 1 << 16
"""The most combinations of lengths for which to find out whether a rule for several lengths always holds."""

PERIOD: Final = 64
"""The largest number of which a length can be said to be a multiple."""

_ATEN: Final = torch.ops.aten
SQUEEZES: Final = (_ATEN.squeeze.default, _ATEN.squeeze.dim, _ATEN.squeeze.dims)
"""The operators that remove axes of length 1."""


@dataclass(frozen=True)
class Length:
    """The length of an axis of an input.

    Attributes:
        input: name of the input.
        axis: the axis.
        example: the length in the example.
    """

    input: str
    axis: int
    example: int


@dataclass(frozen=True)
class Computed:
    """A number that the model computes from the values of its inputs.

    Attributes:
        node: name of the node whose result it is.
        text: how to describe it.
        axis: the axis of the result whose length it is; None if it is the result itself.
    """

    node: str
    text: str
    axis: int | None


@dataclass
class Conditions:
    """The conditions under which a trace is valid: all rules must hold.

    Attributes:
        rules: Boolean expressions of sympy.
        lengths: what the symbols in them mean.
        computed: what the other symbols in them mean.
    """

    rules: list[Expression] = field(default_factory=list)
    lengths: dict[Expression, Length] = field(default_factory=dict)
    computed: dict[Expression, Computed] = field(default_factory=dict)

    def fixed(self) -> dict[Expression, int]:
        """Return the lengths that can have only one value."""
        found = {}
        for rule in self.rules:
            if isinstance(rule, sympy.Eq):
                for one, other in (rule.args, rule.args[::-1]):
                    if one in self.lengths and isinstance(other, sympy.Integer):
                        found[one] = int(other)
        return found

    def without(self, fixed: Mapping[Expression, int]) -> Conditions:
        """Return the conditions for fixed lengths, and without rules that follow from others."""
        rules: list[Expression] = []
        for rule in self.rules:
            less = rule.xreplace({symbol: sympy.Integer(length) for symbol, length in fixed.items()})
            parts = [less] if less == rule else reduced(less, self.lengths)
            rules += [each for each in parts if each != sympy.true and each not in rules]
        return Conditions(self._distinct(rules), self.lengths, self.computed)

    def broken(self) -> set[Length]:
        """Return the lengths in rules that do not hold for the example."""
        lengths = {symbol: length.example for symbol, length in self.lengths.items()}
        found: set[Length] = set()
        for rule in self.rules:
            symbols = rule.free_symbols
            if symbols <= lengths.keys() and not holds(rule, lengths):
                found |= {self.lengths[symbol] for symbol in symbols}
        return found

    def described(self, rule: Expression, names: Mapping[str, str]) -> str:
        """Return a rule as a Python expression, such as ``x.shape[0] % 4 == 0``.

        Args:
            rule: one of the rules.
            names: final names of the inputs.
        """
        texts = {symbol: f"{names[each.input]}.shape[{each.axis}]" for symbol, each in self.lengths.items()}
        for symbol, each in self.computed.items():
            texts[symbol] = each.text
        named = {symbol: sympy.Symbol(name, integer=symbol.is_integer) for symbol, name in texts.items()}
        return printed(rule.xreplace(named))

    def _distinct(self, rules: list[Expression]) -> list[Expression]:
        """Leave out rules that follow from bounds of lengths, or from other rules for the same length."""
        groups: dict[Any, list[Expression]] = {}
        for rule in rules:
            groups.setdefault(frozenset(rule.free_symbols), []).append(rule)
        kept: dict[Expression, int] = {}  # and the places of the rules from which they follow
        possible: dict[Expression, Sequence[int]] = {}
        ranges = {
            symbol: ValueRanges(0, int_oo) if symbol.is_nonnegative else ValueRanges.unknown()
            for symbol in {*self.lengths, *self.computed}
        }
        for symbols, group in groups.items():
            symbol = next(iter(symbols), None)
            if len(symbols) == 1 and symbol in self.lengths:
                needed, least, few = _needed(symbol, group)
                ranges[symbol] = ValueRanges(least, few[-1] if few else int_oo)
                if few:
                    possible[symbol] = few
            else:
                needed = group
            kept |= {rule: rules.index(rule if rule in rules else group[0]) for rule in needed}
        implied = {rule for rule in kept if len(rule.free_symbols) > 1 and _always(rule, ranges, possible)}
        return sorted((rule for rule in kept if rule not in implied), key=lambda rule: kept[rule])


def _always(
    rule: Expression, ranges: dict[Expression, ValueRanges[Any]], possible: Mapping[Expression, Sequence[int]]
) -> bool:
    """Return whether a rule for several lengths holds for all of them.

    Args:
        rule: the rule.
        ranges: the bounds of symbols.
        possible: all values of those symbols that have only a few.
    """
    if bound_sympy(rule, ranges) == ALWAYS:
        return True
    symbols = list(rule.free_symbols)
    if not possible.keys() >= set(symbols) or math.prod(len(possible[each]) for each in symbols) > COMBINATIONS:
        return False
    values = zip(*itertools.product(*(possible[each] for each in symbols)), strict=True)
    return all(holding(rule, dict(zip(symbols, values, strict=True))))


def _needed(symbol: Expression, rules: list[Expression]) -> tuple[list[Expression], int, list[int]]:
    """Return the rules for one length that do not follow from the others, or shorter ones with the same meaning.

    Returns:
        The rules, the least length for which all hold, and, if they hold only for a few lengths, these.
    """
    every = range(MOST)
    valid = {rule: set(itertools.compress(every, holding(rule, {symbol: every}))) for rule in rules}
    kept = list(rules)
    for rule in sorted(filter(_is_small, rules), key=lambda rule: (-len(str(rule)), -rules.index(rule))):
        others = [valid[each] for each in kept if each is not rule]
        if others and set.intersection(*others) <= valid[rule]:
            kept.remove(rule)
    small = [rule for rule in rules if _is_small(rule)]
    common = sorted(set(every).intersection(*(valid[rule] for rule in small)))
    kept_small = [rule for rule in kept if rule in small]
    plain = _plain(symbol, common)
    if plain and sum(len(printed(rule)) for rule in plain) < sum(len(printed(rule)) for rule in kept_small):
        kept = [*plain, *(rule for rule in kept if rule not in small)]
    few = common if common and common[-1] < MOST // 2 else []
    return kept, min(set.intersection(*valid.values()), default=0), few


def _plain(symbol: Expression, lengths: list[int]) -> list[Expression]:
    """Return simple rules that hold only for some of the lengths below :data:`MOST`; none if there are none."""
    if len(lengths) < 2:
        return [sympy.Eq(symbol, lengths[0])] if lengths else []
    first, last, step = lengths[0], lengths[-1], lengths[1] - lengths[0]
    if step > PERIOD or lengths != list(range(first, last + 1, step)):
        return []
    rules = [sympy.Eq(PythonMod(symbol, step), first % step)] if step > 1 else []
    if first >= step:
        rules.append(sympy.Ge(symbol, first) if first > step else sympy.Gt(symbol, 0))
    if last < MOST // 2:
        rules.append(sympy.Le(symbol, last))
    return rules if last < MOST // 2 or last + step >= MOST else []


def _is_small(rule: Expression) -> bool:
    """Return whether a rule for one length is decided, or repeats, before :data:`MOST`."""
    return math.prod(max(1, abs(int(number))) for number in rule.atoms(sympy.Integer)) <= MOST // 4


def conditions(program: ExportedProgram) -> Conditions:
    """Return the conditions under which a traced program is valid.

    PyTorch assumes that no length is 0, and that ``squeeze`` removes no axis of variable length.
    """
    found = _Finder(program)
    return found.run()


class _Finder:
    def __init__(self, program: ExportedProgram) -> None:
        self.program = program
        self.nodes = list(program.graph.nodes)
        self.found = Conditions()
        self.symbols: dict[Expression, Expression] = {}  # the program's symbols, and those of the conditions

    def run(self) -> Conditions:
        env = next((mode.shape_env for mode in map(_mode, self.nodes) if mode is not None and mode.shape_env), None)
        if env is None:
            return self.found
        equal = self._add_lengths()
        self._add_computed()
        raw: list[Expression] = [guard.expr for guard in env.guards]
        raw += [each.expr for asserts in env.deferred_runtime_asserts.values() for each in asserts]
        raw += self._bounds(env)
        raw += self._squeezed()
        # PyTorch keeps no guard for an equation that lets it replace a length by others.
        raw += [sympy.Eq(symbol, other) for symbol, other in env.replacements.items()]
        rules = [*(sympy.Gt(symbol, 0) for symbol in self.found.lengths), *equal]
        for expression in raw:
            if not expression.free_symbols <= self.symbols.keys():
                expression = env.replace(expression)
            rules += self._supported(expression)
        for rule in rules:
            if rule != sympy.true and rule not in self.found.rules and not _is_reversed(rule, self.found.rules):
                self.found.rules.append(rule)
        return self.found

    def _add_lengths(self) -> list[Expression]:
        """Give every length of an input a symbol, and return rules for lengths that depend on each other."""
        users = {
            spec.arg.name for spec in self.program.graph_signature.input_specs if spec.kind == InputKind.USER_INPUT
        }
        others: list[tuple[Expression, Expression, int]] = []
        for node in self.nodes:
            value = node.meta.get("val")
            if node.op != "placeholder" or node.name not in users or not isinstance(value, Tensor):
                continue
            for axis, length in enumerate(value.shape):
                if not isinstance(length, SymInt):
                    continue
                example = int(length.node.hint)
                mine = sympy.Symbol(f"n{len(self.found.lengths)}", integer=True, nonnegative=True)
                self.found.lengths[mine] = Length(node.name, axis, example)
                theirs = length.node._expr
                if isinstance(theirs, sympy.Symbol) and theirs not in self.symbols:
                    self.symbols[theirs] = mine
                else:
                    others.append((mine, theirs, example))
        equal = []
        for mine, theirs, example in others:
            known = theirs.free_symbols <= self.symbols.keys()
            equal.append(sympy.Eq(mine, theirs.xreplace(self.symbols) if known else example))
        return equal

    def _add_computed(self) -> None:
        """Give every number that the model computes from values a symbol."""
        for node in self.nodes:
            for symbol, path in (node.meta.get("unbacked_bindings") or {}).items():
                axis = next((key.idx for key in path if hasattr(key, "idx")), None)
                if axis is None and path and type(path[0]).__name__ != "ConvertIntKey":  # an integer made from a bool
                    raise ExportError(f"the model uses {node.target} in a way that cannot be checked when it runs")
                mine = sympy.Symbol(f"u{len(self.found.computed)}", integer=symbol.is_integer or None, real=True)
                self.symbols[symbol] = mine
                text = f"{node.args[0].name}.item()" if axis is None else f"{node.name}.shape[{axis}]"
                self.found.computed[mine] = Computed(node.name, text, axis)

    def _bounds(self, env: Any) -> Iterator[Expression]:
        """Yield the bounds of lengths. PyTorch keeps bounds of 2 and more as a range, without a guard."""
        for symbol, bounds in env.var_to_range.items():
            if self.symbols.get(symbol) not in self.found.lengths:
                continue
            if bounds.lower == bounds.upper:
                yield sympy.Eq(symbol, bounds.lower)
                continue
            if bounds.lower.is_Integer and bounds.lower > 0:
                yield sympy.Ge(symbol, bounds.lower)
            if bounds.upper.is_Integer:
                yield sympy.Le(symbol, bounds.upper)

    def _squeezed(self) -> Iterator[Expression]:
        """Yield a rule for each axis of variable length that the model squeezes, and that the trace keeps."""
        for node in self.nodes:
            if node.target not in SQUEEZES:
                continue
            shape: Any = node.args[0].meta["val"].shape
            axes: Any = node.args[1] if node.target is not _ATEN.squeeze.default else range(len(shape))
            for axis in [axes] if isinstance(axes, int) else axes:
                if shape and isinstance(shape[axis], SymInt):
                    yield sympy.Ne(shape[axis].node._expr, 1)

    def _supported(self, expression: Expression) -> list[Expression]:
        """Return rules in the symbols of the conditions. If that is impossible, fix the lengths in it."""
        rule = expression.xreplace(self.symbols)
        if any(symbol_is_type(symbol, UNBACKED) for symbol in expression.free_symbols - self.symbols.keys()):
            return []  # about a number of an earlier trace, of which the final one has another
        lengths = [symbol for symbol in rule.free_symbols if symbol in self.found.lengths]
        try:
            if rule.free_symbols <= {*self.found.lengths, *self.found.computed}:
                holds(rule, dict.fromkeys(rule.free_symbols, 1))
                return reduced(rule, self.found.lengths)
        except UnsupportedError:
            pass
        return [sympy.Eq(symbol, self.found.lengths[symbol].example) for symbol in lengths]


def _is_reversed(rule: Expression, rules: list[Expression]) -> bool:
    """Return whether one of some rules is an equation with the sides of another exchanged."""
    return isinstance(rule, sympy.Eq) and rule.reversed in rules


def _mode(node: fx.Node) -> Any:
    return getattr(node.meta.get("val"), "fake_mode", None)
