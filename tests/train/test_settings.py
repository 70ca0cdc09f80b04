from __future__ import annotations

import dataclasses
import json
import math

import pytest

from frformat.train import RECIPES, Settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"lr": -1.0}, "lr=-1"),
        ({"warmup": 1.5}, "warmup=1.5"),
        ({"average_from": 2.0}, "average_from=2"),
        ({"schedule": "sudden"}, "must be one of start, tail"),
        ({"precision": "f8"}, "must be one of f32"),
        ({"optimizer": "lion"}, "must be one of adamw, sgd, eigen"),
        ({"optimizer": "eigen", "schedule": "tail", "epochs": 2}, "a decreasing number of coefficients"),
        ({"schedule": "guarded", "epochs": 2}, "needs a validation set"),
        ({"schedule": "tail"}, "epochs must be 2 or more"),
        ({"schedule": "prune", "average_from": 0.4}, "that schedule prune removes"),
        ({"schedule": "prune", "tiers": (5,)}, "tiers are prefixes"),
        ({"lr": math.nan}, "lr=nan: must be more than 0, and finite"),
        ({"plain_lr": math.inf}, "plain_lr=inf: must be more than 0, and finite"),
        ({"weight_decay": math.nan}, "weight_decay=nan: must be finite, and not negative"),
        ({"tolerance": math.inf}, "tolerance=inf: must be finite"),
        ({"seed": -1}, "and not negative"),
        ({"seed": 1 << 63}, "seed=9223372036854775808: must be less than 9223372036854775808"),
        ({"size": 0}, "size=0: must be at least 1 byte"),
        ({"size": 900, "schedule": "tail", "epochs": 2}, "size replaces schedule tail"),
        ({"size": 900, "tiers": (5,)}, "size and tiers are mutually exclusive"),
        ({"size": 900, "dense": True}, "size and dense are mutually exclusive"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**{"epochs": 1, "batch": 1, "lr": 0.1, **change})


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_settings_survive_json(recipe):
    stored = json.loads(json.dumps(recipe.defaults.as_dict()))
    assert recipe.defaults.differences(stored) == []
    other = dataclasses.replace(recipe.defaults, seed=recipe.defaults.seed + 5)
    assert other.differences(stored) == [f"seed was {recipe.defaults.seed}, not {other.seed}"]
