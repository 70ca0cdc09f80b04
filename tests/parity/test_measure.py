from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat.parity.measure import accuracy, apart, classes_of, dice, distance

nan, inf = float("nan"), float("inf")
maps = hnp.arrays(np.int64, (2, 3, 4), elements=st.integers(0, 3))


@pytest.mark.parametrize(
    ("a", "b", "largest", "relative"),
    [
        ([1, -4], [1.5, -4], 0.5, 0.125),
        ([nan, 2], [nan, 2], 0, 0),
        ([nan, 2], [1, 2], inf, inf),
        ([inf, 2], [inf, 2], 0, 0),
        ([inf, 2], [-inf, 2], inf, inf),
        ([0, 0], [0, 1], 1, inf),
        ([], [], 0, 0),
    ],
)
def test_distances(a: list[float], b: list[float], largest: float, relative: float):
    found = distance(np.array(a, np.float32), np.array(b, np.float32))
    assert (found.largest, found.relative) == (largest, relative)


def test_distances_between_scalars_and_other_types():
    assert distance(np.array(7), np.array(9)).largest == 2
    assert distance(np.array(nan, np.float32), np.array(nan, np.float32)).largest == 0
    assert distance(np.array([True, False]), np.array([True, True])).mean == 0.5
    assert distance(np.array([3j, 1]), np.array([3j, 5 - 3j])).largest == 5
    assert distance(np.array(5, np.uint8), np.array(6, np.uint8)).relative == 0.2


@given(maps, maps)
def test_scores(a: np.ndarray, b: np.ndarray):
    assert dice(a, a) == accuracy(a, a) == 1
    assert dice(a, b) == dice(b, a)
    assert 0 <= dice(a, b) <= 1
    assert accuracy(a, b) == 1 - apart(a, b) / a.size


def test_dice_is_the_mean_over_classes_except_the_background():
    found, truth = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])
    assert dice(found, truth) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert dice(np.zeros(3, int), np.zeros(3, int)) == 1
    assert dice(np.array([0, 1]), np.array([0, 0])) == 0


def test_classes_are_on_axis_1():
    assert classes_of(np.array([[1, 3, 2]], np.float32)).tolist() == [1]
    assert classes_of(np.zeros(3, np.float32)) is None
    assert classes_of(np.zeros((3, 0), np.float32)) is None
