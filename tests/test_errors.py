"""Exceptions reach another process as they were raised."""

from __future__ import annotations

import copy
import pickle

import pytest

from frformat.errors import DependencyError, EncodeError, FrzError, LengthError, LoadError, ReadError
from frformat.scheduling import InfeasibleBudget

RAISED = (
    FrzError("BUDGET", "too large", path="a.frz", tensor="a", offset=7),
    EncodeError("no"),
    ReadError("no", path="a.pt", tensor="a"),
    DependencyError("plots", ModuleNotFoundError("no", name="matplotlib")),
    LoadError("MISMATCH", "no"),
    LengthError("x.shape[0] % 2 == 0", {"x": (3,)}),
    InfeasibleBudget(("a",), 2, 1),
)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_exceptions_can_be_pickled_and_copied(error: Exception) -> None:
    for found in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(found) is type(error)
        assert (str(found), vars(found), found.args) == (str(error), vars(error), error.args)
        assert getattr(found, "name", None) == getattr(error, "name", None)
