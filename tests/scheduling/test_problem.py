"""Invalid problems, and their error messages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from frformat.scheduling import App, Budget, InfeasibleBudget, Objective, Plan, Tier, choose_tiers

TIER = Tier(0.9, 1.0, 10)
APP = App("a", (TIER,), 0.9, 1.0)
NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Tier(NAN, 1, 1), "accuracy must be a number from -1e[+]15 to 1e[+]15, not nan"),
        (lambda: Tier("0.9", 1, 1), "accuracy must be a number"),  # type: ignore[arg-type]
        (lambda: Tier(0.9, 0, 1), "compute must be a number from 1e-15 to 1e[+]15, not 0"),
        (lambda: Tier(0.9, True, 1), "compute must be a number"),
        (lambda: Tier(0.9, 1, 1.5), "memory must be a whole number of bytes"),  # type: ignore[arg-type]
        (lambda: Tier(0.9, 1, -1), "memory must be a whole number of bytes from 0 to 1125899906842624, not -1"),
        (lambda: App("", (TIER,), 0.9, 1), "needs a name"),
        (lambda: App("\ud800", (TIER,), 0.9, 1), "lone surrogate"),
        (lambda: App("a", (), 0.9, 1), "'a' has 0 tiers; it needs 1 to 256"),
        (lambda: App("a", (TIER,) * 257, 0.9, 1), "has 257 tiers"),
        (lambda: App("a", (TIER,), float("inf"), 1), "accuracy of application 'a'"),
        (lambda: App("a", (TIER,), 0.9, 0), "latency of application 'a'"),
        (lambda: App("a", (TIER,), 0.9, 1, 0), "alpha of application 'a'"),
        (lambda: Budget(-1), "memory must be"),
        (lambda: Budget(1, NAN), "speed must be"),
        (lambda: choose_tiers([APP, APP], Budget(20)), "two applications have the name 'a'"),
        (lambda: choose_tiers([APP] * 4097, Budget(20)), "4097 applications are more than the 4096"),
        (
            lambda: choose_tiers([APP], Budget(10), "fastest"),
            "unknown objective 'fastest'; use one of 'min-total-cost', 'min-max-cost'",
        ),
    ],
)
def test_meaningless_arguments_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_an_insufficient_budget_names_what_to_close() -> None:
    apps = [
        App(name, (Tier(0.9, 1, 90), Tier(0.5, 1, size)), 0.9, 1) for name, size in (("b", 40), ("c", 40), ("a", 20))
    ]
    with pytest.raises(
        InfeasibleBudget, match="need 100 bytes at their smallest tiers, but the budget is 70: close 'b'"
    ) as caught:
        choose_tiers(apps, Budget(70))
    assert (caught.value.unfit, caught.value.needed, caught.value.available) == (("b",), 100, 70)
    assert choose_tiers([app for app in apps if app.name not in caught.value.unfit], Budget(70)).exact


def test_numpy_numbers_are_accepted() -> None:
    tier = Tier(np.float32(0.5), np.float64(0.25), np.int64(10))  # type: ignore[arg-type]
    choice = choose_tiers([App("a", [tier], 0.5, 1)], Budget(10))["a"]  # type: ignore[arg-type]
    assert (choice.share, choice.latency, choice.cost) == (0.25, 1.0, 0.0)
    assert type(choice.share) is type(choice.cost) is float


def test_an_objective_can_be_passed_by_value() -> None:
    assert choose_tiers([APP], Budget(10), "min-max-cost") == choose_tiers([APP], Budget(10), Objective.MIN_MAX_COST)


def test_an_empty_list_yields_an_empty_plan() -> None:
    plan = choose_tiers([], Budget(0))
    assert plan == Plan((), 0.0, 0.0, True)
    with pytest.raises(KeyError):
        plan["a"]


def test_it_needs_no_third_party_module() -> None:
    code = "import sys, frformat.scheduling; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]
