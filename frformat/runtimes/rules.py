"""Simplify and print rules for the lengths of inputs. PyTorch's compiler states them in forms that are hard to read."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, Final

import sympy
from torch.utils._sympy.functions import FloorDiv, Max, Min, PythonMod
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.printers import PythonPrinter
from torch.utils._sympy.value_ranges import ValueRanges, bound_sympy

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


def reduced(rule: Expression, lengths: Collection[Expression]) -> list[Expression]:
    """Simplify a rule for lengths that are not 0: ``n*m == 2*(m//2)*n`` becomes ``m % 2 == 0``; see :func:`simplified`.

    Args:
        rule: the rule.
        lengths: the symbols that are lengths.
    """
    if isinstance(rule, sympy.And):
        return [each for part in rule.args for each in reduced(part, lengths)]
    if isinstance(rule, sympy.Ne) and rule.rhs == 0 and rule.lhs.is_Mul:
        parts = [sympy.Ne(factor, 0) for factor in rule.lhs.args]
        return [each for part in parts if part != sympy.true for each in reduced(part, lengths)]
    if isinstance(rule, sympy.Rel) and all(each.is_integer for each in rule.args):
        rule = _cancelled(rule, lengths)
        whole = _multiples(rule, lengths)
        if whole is not None:
            return [each for part in whole for each in simplified(part)]
    return simplified(rule)


def _cancelled(rule: Expression, lengths: Collection[Expression]) -> Expression:
    """Divide both sides of a comparison by the lengths and the number that both have as factors."""
    if not isinstance(rule, sympy.Rel):
        return rule
    (first, one), (second, other) = (each.as_coeff_Mul() for each in rule.args)
    if not first.is_Integer or not second.is_Integer:
        return rule
    left, right = _factors(one), _factors(other)
    for factor in [each for each in left if each in lengths]:
        if factor in right:
            left.remove(factor)
            right.remove(factor)
    shared = math.gcd(int(first), int(second)) or 1
    return rule.func(first / shared * sympy.Mul(*left), second / shared * sympy.Mul(*right))


def _factors(product: Expression) -> list[Expression]:
    """Return the factors of a product; those of a power as often as its exponent says."""
    powers = [each.as_base_exp() for each in sympy.Mul.make_args(product)]
    return [
        factor
        for base, exponent in powers
        for factor in ([base] * int(exponent) if exponent.is_Integer and exponent > 0 else [base**exponent])
    ]


def _multiples(rule: Expression, lengths: Collection[Expression]) -> list[Expression] | None:
    """Return rules equivalent to ``a * b == 6 * (a // 2) * (b // 3)``; None if a rule is not of that form."""
    if not isinstance(rule, sympy.Eq):
        return None
    for side, other in (rule.args, rule.args[::-1]):
        number, product = side.as_coeff_Mul()
        quotients = sympy.Mul.make_args(product)
        if not all(isinstance(each, FloorDiv) and each.args[1].is_Integer and each.args[1] > 0 for each in quotients):
            continue
        parts = [each.args for each in quotients]
        known = {symbol: ValueRanges(1, int_oo) for symbol in rule.free_symbols if symbol in lengths}
        if (
            rule.free_symbols == known.keys()
            and number == math.prod(int(divisor) for _, divisor in parts)
            and other == sympy.Mul(*(dividend for dividend, _ in parts))
            and all(bound_sympy(dividend, known).lower >= 1 for dividend, _ in parts)
        ):
            return [sympy.Eq(PythonMod(dividend, divisor), 0) for dividend, divisor in parts]
    return None


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
