"""Rules for lengths: graphs check them as Python does, and they are simplified and printed without changing them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._sympy.functions import (
    CeilToInt,
    FloorDiv,
    IntTrueDiv,
    Max,
    Min,
    Mod,
    PowByNatural,
    PythonMod,
    ToFloat,
    TruncToInt,
    Where,
)

from frformat.runtimes.arithmetic import UnsupportedError, holds
from frformat.runtimes.conditions import Conditions, Length
from frformat.runtimes.onnxruntime.checks import add_checks
from frformat.runtimes.rules import printed, reduced, simplified

N, M = sympy.symbols("n m", integer=True, nonnegative=True)
LENGTHS = {N: Length("x", 0, 1), M: Length("x", 1, 1)}

TERMS = st.recursive(
    st.one_of(st.sampled_from([N, M]), st.integers(-7, 7).map(sympy.Integer)),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, inner).map(lambda pair: Max(*pair)),
        st.tuples(inner, inner).map(lambda pair: Min(*pair)),
        st.tuples(inner, st.sampled_from([1, 2, 3, 5, M])).map(lambda pair: FloorDiv(*map(sympy.sympify, pair))),
        st.tuples(inner, st.sampled_from([1, 2, 3, 5, M])).map(lambda pair: PythonMod(*map(sympy.sympify, pair))),
    ),
    max_leaves=6,
)
RULES = st.tuples(st.sampled_from([sympy.Eq, sympy.Ne, sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge]), TERMS, TERMS)


def checked(rule: Any) -> Any:
    """Return a session whose graph does nothing but check a rule."""
    import onnx_ir as ir
    import onnxruntime

    x = ir.val("x", ir.DataType.FLOAT, ir.Shape([None, None]))
    node = ir.node("Identity", [x])
    node.outputs[0].name, node.outputs[0].shape, node.outputs[0].dtype = "y", x.shape, x.dtype
    model = ir.Model(ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": 20}), ir_version=10)
    add_checks(model, Conditions([rule], LENGTHS), {"x": "x"}, {})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)


def runs(made: Any, n: int, m: int) -> bool:
    try:
        made.run(None, {"x": np.zeros((n, m), np.float32)})
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        if "frz: " not in str(error):
            raise
        return False
    return True


@given(RULES)
def test_graphs_evaluate_rules_as_python_does(parts: tuple[Any, Any, Any]):
    rule = parts[0](parts[1], parts[2])
    if not rule.free_symbols:
        return
    made = checked(rule)
    for n in range(6):
        for m in range(4):
            assert runs(made, n, m) == holds(rule, {N: n, M: m})


@pytest.mark.parametrize(
    "rule",
    [
        sympy.Gt(IntTrueDiv(N, sympy.Integer(2)), sympy.Float(1.25)),
        sympy.Eq(TruncToInt(IntTrueDiv(N * 10, sympy.Integer(4))), 5),
        sympy.Or(sympy.Eq(N, 3), sympy.And(sympy.Ge(N, 5), sympy.Not(sympy.Eq(M, 2)))),
        sympy.Gt(Where(sympy.Gt(N, M), N, M * 2), 3),
        sympy.Lt(PowByNatural(N, sympy.Integer(2)), 10),
        sympy.Le(ToFloat(N) * 0.5, sympy.Float(1.5)),
        sympy.Eq(Mod(N, FloorDiv(M, 2)), 0),
    ],
)
def test_other_operations(rule: Any):
    made = checked(rule)
    results = {(n, m): runs(made, n, m) for n in range(8) for m in range(5)}
    assert results == {(n, m): holds(rule, {N: n, M: m}) for n, m in results}
    assert len(set(results.values())) == 2


def test_operations_that_are_not_supported():
    with pytest.raises(UnsupportedError, match="sin"):
        holds(sympy.Gt(sympy.sin(N), 0), {N: 1})


@given(RULES)
def test_simplified_rules_hold_for_the_same_lengths(parts: tuple[Any, Any, Any]):
    rule = parts[0](parts[1], parts[2])
    rules = simplified(rule)
    for n in range(6):
        for m in range(1, 5):
            expected = holds(rule, {N: n, M: m})
            assert all(holds(each, {N: n, M: m}) for each in rules) == expected
            assert all(eval(printed(each), {"n": n, "m": m}) for each in rules) == expected


FACTORS = st.lists(st.one_of(st.sampled_from([N, M, N + 1]), st.integers(1, 3).map(sympy.Integer)), max_size=3)
MULTIPLES = st.lists(
    st.tuples(st.sampled_from([N, M, N - 1, FloorDiv(N - 1, 2) + 1, N + M]), st.integers(1, 3)), min_size=1, max_size=2
)


@given(st.sampled_from([sympy.Eq, sympy.Ne, sympy.Le, sympy.Gt]), TERMS, TERMS, FACTORS, MULTIPLES)
def test_reduced_rules_hold_for_the_same_lengths(
    make: Any, one: Any, other: Any, factors: list[Any], multiples: list[tuple[Any, int]]
):
    shared = sympy.Mul(*factors)
    exact = sympy.Mul(*(term for term, _ in multiples))
    rounded = sympy.Mul(*(FloorDiv(term, sympy.Integer(n)) * n for term, n in multiples))
    for rule in (make(one * shared, other * shared), make(exact * shared, rounded * shared)):
        rules = reduced(rule, [N, M])
        for n in range(1, 7):
            for m in range(1, 5):
                expected = holds(rule, {N: n, M: m})
                assert all(holds(each, {N: n, M: m}) for each in rules) == expected


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (sympy.Eq(8 * N * M, 8 * N**2), ["m == n"]),
        (sympy.Ne(N * (M - 1), 0), ["m != 1", "n != 0"]),
        (sympy.Ne(N * (M + 1), 0), ["n != 0"]),
        (sympy.Eq(8 * N * M, 16 * M), ["n == 2"]),
        (sympy.Eq(3 * N * M, 12 * FloorDiv(M, 4) * N), ["m % 4 == 0"]),
        (sympy.Eq(3 * N * M, 12 * FloorDiv(M, 2) * FloorDiv(N, 2)), ["n % 2 == 0", "m % 2 == 0"]),
        (sympy.Eq(N * (N - 1), 2 * N * FloorDiv(N - 1, 2)), ["n - 1 == 2 * ((n - 1) // 2)"]),
        (sympy.And(sympy.Eq(N * M, N), sympy.Gt(N, 3)), ["m == 1", "n >= 4"]),
    ],
)
def test_reduced_rules_are_readable(rule: Any, texts: list[str]):
    assert sorted(printed(each) for each in reduced(rule, [N, M])) == sorted(texts)


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (
            sympy.Eq((FloorDiv(N, 4) * 50 - 150) * (FloorDiv(M, 4) - 3), 800),
            ["(m // 4 - 3) * (n // 4 - 3) == 16"],
        ),
        (sympy.Eq(Min(sympy.Integer(16), N), N), ["n <= 16"]),
        (sympy.Ge(Min(FloorDiv(N, 2) - 1, FloorDiv(N - 1, 2)), 0), ["n >= 2", "n >= 1"]),
        (sympy.Gt(N * 3, 12), ["n >= 5"]),
        (sympy.Eq(CeilToInt(IntTrueDiv(N + 1, sympy.Integer(2))) * 2, M), ["2 * math.ceil((n + 1) / 2) == m"]),
        (sympy.Ne(3 * N - 2 * M + 5, 7), ["3 * n - 2 * m != 2"]),
        (sympy.Or(sympy.Eq(N, M), sympy.Not(sympy.Ge(FloorDiv(-N, 2) * 2, M))), ["2 * (-n // 2) < m or n == m"]),
    ],
)
def test_rules_are_readable(rule: Any, texts: list[str]):
    assert [printed(each) for each in simplified(rule)] == texts


@pytest.mark.parametrize(
    ("rules", "texts"),
    [
        ([sympy.Ge(FloorDiv(N, 4) + PythonMod(7 - PythonMod(FloorDiv(N, 4), 7), 7), 8)], ["x.shape[0] >= 32"]),
        ([sympy.Eq(PythonMod(FloorDiv(N + 3, 2), 4), 1), sympy.Gt(N, 1)], None),
        ([sympy.Eq(PythonMod(N * 5, 10), 0), sympy.Gt(N, 0)], ["x.shape[0] % 2 == 0", "x.shape[0] > 0"]),
        ([sympy.Le(FloorDiv(N + 7, 8), 4), sympy.Ge(FloorDiv(N + 7, 8), 4)], ["x.shape[0] >= 25", "x.shape[0] <= 32"]),
        (
            [sympy.Le(N, 9), sympy.Le(M, 9), sympy.Lt(PythonMod(N * M, 83), 83)],
            ["x.shape[0] <= 9", "x.shape[1] <= 9"],
        ),
        (
            [sympy.Le(N, 9), sympy.Le(M, 9), sympy.Ne(N * N + M * M, 10)],
            ["x.shape[0] <= 9", "x.shape[1] <= 9", "(x.shape[0]*x.shape[0]) + (x.shape[1]*x.shape[1]) != 10"],
        ),
    ],
)
def test_rules_for_one_length_are_short(rules: list[Any], texts: list[str] | None):
    conditions = Conditions(rules, LENGTHS).without({})
    found = [conditions.described(rule, {"x": "x"}) for rule in conditions.rules]
    assert found == (texts or [Conditions(rules, LENGTHS).described(rule, {"x": "x"}) for rule in rules])


@given(st.lists(RULES, min_size=1, max_size=5))
def test_rules_that_follow_from_others_are_left_out(parts: list[tuple[Any, Any, Any]]):
    rules = [rule for make, one, other in parts if (rule := make(one, other)).free_symbols]
    kept = Conditions(rules, LENGTHS).without({}).rules
    for n in [*range(9), 100, 4095, 4096, 5000, 100000]:
        for m in (0, 1, 2, 7, 5000):
            lengths = {N: n, M: m}
            assert all(holds(rule, lengths) for rule in rules) == all(holds(rule, lengths) for rule in kept)
