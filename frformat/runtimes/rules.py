"""Simplify and print rules for the lengths of inputs. PyTorch's compiler states them in forms that are hard to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sympy
from torch.utils._sympy.functions import FloorDiv, Max, Min
from torch.utils._sympy.printers import PythonPrinter

Expression = Any  # sympy has no types

SIGNS: Final = {sympy.Eq: "==", sympy.Ne: "!=", sympy.Gt: ">", sympy.Ge: ">=", sympy.Lt: "<", sympy.Le: "<="}
BINARY: Final = {"FloorDiv": "//", "CleanDiv": "//", "Mod": "%", "PythonMod": "%", "IntTrueDiv": "/"}
"""Names of classes of expressions, and Python's operators."""
CALLS: Final = {
    "Max": "max",
    "Min": "min",
    "CeilToInt": "math.ceil",
    "FloorToInt": "math.floor",
    "TruncToInt": "math.trunc",
    "RoundToInt": "round",
    "ToFloat": "float",
}
"""Names of classes of expressions, and Python's functions."""

OR, AND, NOT, COMPARISON, SUM, PRODUCT, ATOM = range(7)
"""How strongly Python's operators bind."""


def simplified(rule: Expression) -> list[Expression]:
    """Return rules that all hold if and only if a rule holds, for integers: ``3*n > 12`` becomes ``n >= 5``."""
    if isinstance(rule, sympy.And):
        return [each for part in rule.args for each in simplified(part)]
    if not isinstance(rule, sympy.Rel) or not all(each.is_integer for each in rule.args):
        return [rule]
    split = _split(rule)
    if split is not None:
        return [each for part in split for each in simplified(part)]
    less = _step(rule)
    return [rule] if less == rule else [] if less == sympy.true else simplified(less)


def _split(rule: Expression) -> list[Expression] | None:
    """Return comparisons that are equivalent to one with a minimum or a maximum; None if there are none."""
    one, other = rule.args
    for left, right, comparison in ((one, other, rule.func), (other, one, rule.reversed.func)):
        parts = left.args if isinstance(left, (Min, Max, sympy.Min, sympy.Max)) else ()
        least = isinstance(left, (Min, sympy.Min))
        if comparison is sympy.Eq and right in parts:
            rest = [each for each in parts if each != right]
            return [sympy.Ge(each, right) if least else sympy.Le(each, right) for each in rest]
        if parts and comparison in ((sympy.Ge, sympy.Gt) if least else (sympy.Le, sympy.Lt)):
            return [comparison(each, right) for each in parts]
    return None


def _step(rule: Expression) -> Expression:
    """Simplify a comparison in one way, or return it unchanged."""
    if rule.lhs.is_Number and not rule.rhs.is_Number:
        return rule.reversed
    compare, left, right = rule.func, rule.lhs, rule.rhs
    if not right.is_Integer:
        return rule
    if left.is_Symbol:
        if compare is sympy.Gt and right > 0:
            return sympy.Ge(left, right + 1)
        return sympy.Le(left, right - 1) if compare is sympy.Lt else rule
    if left.is_Add and left.as_coeff_Add()[0] != 0:
        added, left = left.as_coeff_Add()
        return compare(left, right - added)
    content, rest = _primitive(left)
    if content > 1 and right % content == 0:
        return compare(rest, right / content)
    if compare in (sympy.Gt, sympy.Lt):
        return sympy.Ge(left, right + 1) if compare is sympy.Gt else sympy.Le(left, right - 1)
    if content > 1 and compare in (sympy.Ge, sympy.Le):
        return compare(rest, sympy.ceiling(right / content) if compare is sympy.Ge else right // content)
    if isinstance(left, FloorDiv) and left.args[1].is_Integer and left.args[1] > 0:
        if compare is sympy.Ge:
            return sympy.Ge(left.args[0], right * left.args[1])
        if compare is sympy.Le:
            return sympy.Le(left.args[0], right * left.args[1] + left.args[1] - 1)
    return rule


def _primitive(expression: Expression) -> tuple[Expression, Expression]:
    """Return the positive integer that all terms of an expression contain as a factor, and the rest."""
    content = sympy.Integer(1)
    rest = []
    for factor in sympy.Mul.make_args(expression):
        mine, other = factor.primitive() if factor.is_Add else factor.as_coeff_Mul()
        content *= mine
        rest.append(other)
    sign = -1 if content < 0 else 1
    return sign * content, sign * sympy.Mul(*rest)


def printed(rule: Expression) -> str:
    """Print a rule as a Python expression, such as ``(x.shape[2] // 4 - 3) * (x.shape[3] // 4 - 3) == 16``."""
    if isinstance(rule, sympy.Rel) and rule.lhs.is_Number and not rule.rhs.is_Number:
        rule = rule.reversed
    return _text(rule, OR)


def _text(expression: Expression, level: int) -> str:
    """Print an expression, in parentheses if its operator binds less strongly than ``level``."""
    text, mine = _printed(expression)
    return f"({text})" if mine < level else text


def _printed(expression: Expression) -> tuple[str, int]:
    kind, parts = type(expression).__name__, expression.args
    if isinstance(expression, sympy.Rel):
        sign = next(sign for each, sign in SIGNS.items() if isinstance(expression, each))
        return f"{_text(parts[0], SUM)} {sign} {_text(parts[1], SUM)}", COMPARISON
    if isinstance(expression, (sympy.And, sympy.Or)):
        word, level = ("and", AND) if isinstance(expression, sympy.And) else ("or", OR)
        return f" {word} ".join(sorted(_text(each, level + 1) for each in parts)), level
    if isinstance(expression, sympy.Not):
        return f"not {_text(parts[0], NOT)}", NOT
    if kind in BINARY:
        return f"{_text(parts[0], PRODUCT)} {BINARY[kind]} {_text(parts[1], ATOM)}", PRODUCT
    if kind in CALLS:
        return f"{CALLS[kind]}({', '.join(_text(each, OR) for each in parts)})", ATOM
    if expression.is_Add:
        return _sum(parts), SUM
    if expression.is_Mul:
        number, rest = expression.as_coeff_Mul()
        if number == -1:
            return f"-{_text(rest, ATOM)}", PRODUCT
        factors = sympy.Mul.make_args(rest)
        texts = [_text(each, ATOM) for each in ([] if number == 1 else [number])]
        return " * ".join([*texts, *sorted(_text(each, ATOM) for each in factors)]), PRODUCT
    text = str(PythonPrinter().doprint(expression))
    return text, ATOM if expression.is_Symbol or (expression.is_Integer and expression >= 0) else OR


def _sum(parts: Sequence[Expression]) -> str:
    """Print a sum: first the positive terms, then those that are subtracted, and numbers last."""
    terms = sorted(parts, key=lambda each: (bool(each.as_coeff_Mul()[0] < 0), bool(each.is_Number), str(each)))
    text = ""
    for term in terms:
        negative = bool(term.as_coeff_Mul()[0] < 0)
        size = _text(-term if negative else term, PRODUCT)
        text += f" {'-' if negative else '+'} {size}" if text else f"-{size}" if negative else size
    return text
