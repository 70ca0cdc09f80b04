"""Evaluate PyTorch's expressions of lengths, with Python numbers or in another representation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

T = TypeVar("T")
Expression = Any  # sympy has no types


class UnsupportedError(Exception):
    """Raised for expressions with an operation that is not supported."""


class Operations(Protocol[T]):
    """The operations of a representation. ``kind`` is ``int``, ``float`` or ``bool``."""

    def constant(self, value: int | float | bool) -> T: ...  # noqa: D102

    def apply(self, operation: str, *operands: T) -> T:
        """Apply an operation.

        It is one of ``add``, ``mul``, ``floordiv``, ``mod``, ``truediv``, ``pow``, ``max``, ``min``, ``eq``, ``lt``,
        ``le``, ``and``, ``or``, ``not``, ``where``, ``float``, ``floor``, ``ceil``, ``trunc``, ``round`` and ``sqrt``.
        """
        ...


FUNCTIONS: Final = {
    "FloorDiv": "floordiv",
    "CleanDiv": "floordiv",
    "Mod": "mod",
    "PythonMod": "mod",
    "PowByNatural": "pow",
    "IntTrueDiv": "truediv",
    "FloatTrueDiv": "truediv",
    "FloatPow": "pow",
    "Where": "where",
    "ToFloat": "float",
    "FloorToInt": "floor",
    "CeilToInt": "ceil",
    "TruncToInt": "trunc",
    "RoundToInt": "round",
    "OpaqueUnaryFn_sqrt": "sqrt",
    "Not": "not",
    "Equality": "eq",
    "StrictLessThan": "lt",
    "LessThan": "le",
}
"""Names of classes of expressions, and the operations that they stand for."""

FOLDED: Final = {"Add": "add", "Mul": "mul", "Max": "max", "Min": "min", "And": "and", "Or": "or"}
"""The same for operations with any number of operands."""


class Evaluator(Generic[T]):
    """Evaluates expressions, each part of them once.

    Args:
        operations: the operations of the representation.
        known: the values of symbols.
    """

    def __init__(self, operations: Operations[T], known: Mapping[Expression, T]) -> None:
        self.operations, self.known = operations, dict(known)

    def value(self, expression: Expression) -> T:
        """Return the value of an expression.

        Raises:
            UnsupportedError: it contains an operation that is not supported, or a symbol that is not known.
        """
        if expression not in self.known:
            self.known[expression] = self._value(expression)
        return self.known[expression]

    def _value(self, expression: Expression) -> T:
        kind = type(expression).__name__
        arguments: Sequence[Expression] = expression.args
        apply, value = self.operations.apply, self.value
        if expression.is_Integer:
            return self.operations.constant(int(expression))
        if expression.is_Float:
            return self.operations.constant(float(expression))
        if kind in ("BooleanTrue", "BooleanFalse"):
            return self.operations.constant(kind == "BooleanTrue")
        if kind in FOLDED:
            return reduce(lambda one, other: apply(FOLDED[kind], one, other), map(value, arguments))
        if kind in FUNCTIONS:
            return apply(FUNCTIONS[kind], *map(value, arguments))
        if kind == "Pow" and arguments[1].is_Integer and arguments[1] > 0:
            return apply("pow", *map(value, arguments))
        if kind == "Unequality":
            return apply("not", apply("eq", *map(value, arguments)))
        if kind in ("GreaterThan", "StrictGreaterThan"):
            return apply("le" if kind == "GreaterThan" else "lt", *map(value, reversed(arguments)))
        if kind == "ModularIndexing":
            base, divisor, modulus = map(value, arguments)
            return apply("mod", apply("floordiv", base, divisor), modulus)
        if kind == "Identity":
            return value(arguments[0])
        raise UnsupportedError(kind)


_PYTHON: Final[dict[str, Callable[..., Any]]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "truediv": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "max": max,
    "min": min,
    "eq": lambda a, b: a == b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a: not a,
    "where": lambda condition, a, b: a if condition else b,
    "float": float,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
    "sqrt": math.sqrt,
}


class Numbers:
    """The operations on Python numbers."""

    def constant(self, value: float) -> Any:
        """Return the number itself."""
        return value

    def apply(self, operation: str, *operands: Any) -> Any:
        """Apply an operation; see :class:`Operations`."""
        return _PYTHON[operation](*operands)


class Arrays:
    """The operations on arrays of Python numbers, element by element."""

    def constant(self, value: float) -> Any:
        """Return an array without axes."""
        return np.array(value, object)

    def apply(self, operation: str, *operands: Any) -> Any:
        """Apply an operation; see :class:`Operations`."""
        return np.frompyfunc(_PYTHON[operation], len(operands), 1)(*operands)


def holding(rule: Expression, lengths: Mapping[Expression, Sequence[int]]) -> list[bool]:
    """Return for which lengths a rule holds; see :func:`holds`.

    Args:
        rule: the rule, which contains at least one of the lengths.
        lengths: for each symbol, as many lengths.

    Raises:
        UnsupportedError: see :meth:`Evaluator.value`.
    """
    try:
        found = Evaluator(Arrays(), {symbol: np.array(each, object) for symbol, each in lengths.items()}).value(rule)
        return [bool(each) for each in np.broadcast_to(found, len(next(iter(lengths.values()))))]
    except (ArithmeticError, ValueError):  # for some of them
        return [holds(rule, dict(zip(lengths, each, strict=True))) for each in zip(*lengths.values(), strict=True)]


def holds(rule: Expression, lengths: Mapping[Expression, int]) -> bool:
    """Return whether a rule holds for some lengths. A rule that divides by zero does not.

    Raises:
        UnsupportedError: see :meth:`Evaluator.value`.
    """
    try:
        return bool(Evaluator(Numbers(), lengths).value(rule))
    except (ArithmeticError, ValueError):
        return False
