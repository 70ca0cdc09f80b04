"""Check every plan of ``docs/scheduling-vectors.json``, bit for bit."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from frformat.scheduling import App, Budget, InfeasibleBudget, Plan, Tier, choose_tiers
from tests.scheduling.vectors import PATH, contents

Entry = dict[str, Any]

with open(PATH, encoding="ascii") as _file:
    INDEX: Entry = json.load(_file)


def _name(entry: Entry) -> str:
    return str(entry["name"])


def _answer(entry: Entry) -> Plan:
    apps = [App(**{**app, "tiers": tuple(Tier(**tier) for tier in app["tiers"])}) for app in entry["apps"]]
    return choose_tiers(apps, Budget(**entry["budget"]), entry["objective"])


@pytest.mark.parametrize("entry", INDEX["plans"], ids=_name)
def test_a_plan_matches_its_vector(entry: Entry) -> None:
    plan = dataclasses.asdict(_answer(entry))
    assert [choice.pop("app") for choice in plan["choices"]] == [app["name"] for app in entry["apps"]]
    plan["choices"] = list(plan["choices"])
    assert plan == entry["plan"]


@pytest.mark.parametrize("entry", INDEX["infeasible"], ids=_name)
def test_an_insufficient_budget_names_what_to_close(entry: Entry) -> None:
    with pytest.raises(InfeasibleBudget) as caught:
        _answer(entry)
    answer = {"unfit": list(caught.value.unfit), "needed": caught.value.needed, "available": caught.value.available}
    assert answer == {key: entry[key] for key in answer}


def test_the_vectors_reach_both_searches() -> None:
    assert {(entry["objective"], entry["plan"]["exact"]) for entry in INDEX["plans"]} == {
        (objective, exact) for objective in ("min-total-cost", "min-max-cost") for exact in (False, True)
    }


def test_the_file_is_the_output_of_the_generator() -> None:
    with open(PATH, "rb") as file:
        assert file.read() == contents(), "run `python -m tests.scheduling.vectors`"
