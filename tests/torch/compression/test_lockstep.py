from __future__ import annotations

import threading
from typing import Any

import pytest

from frformat.torch.compression.lockstep import Run, together


def test_all_wait_at_each_place_and_only_one_runs():
    told: list[Any] = []
    running = threading.Lock()

    def work(number: int) -> Any:
        def run(own: Run) -> None:
            for place in range(3):
                assert running.acquire(blocking=False)
                told.append((number, place))
                running.release()
                own.wait(place)

        return run

    met: list[Any] = []
    together([work(number) for number in range(3)], lambda at: at, lambda there: met.append(dict(there)))
    assert met == [dict.fromkeys(range(3), place) for place in range(3)]
    assert told == [(number, place) for place in range(3) for number in range(3)]


def test_runs_that_diverge_do_not_wait_forever():
    ways = [[0, 1, 3], [0, 2, 3], [3]]
    met: list[Any] = []

    def work(way: list[int]) -> Any:
        return lambda own: [own.wait(place) for place in way] and None

    together([work(way) for way in ways], lambda at: at, lambda there: met.append(sorted(there)))
    assert met == [[0, 1], [0], [1], [0, 1, 2]]


@pytest.mark.parametrize("where", ["work", "meet"])
def test_an_error_ends_all_runs(where: str):
    ended = []

    def work(number: int) -> Any:
        def run(own: Run) -> None:
            try:
                own.wait(0)
                if where == "work" and number == 1:
                    raise ValueError("here")
                own.wait(1)
            finally:
                ended.append(number)

        return run

    def meet(there: dict[int, Any]) -> None:
        if where == "meet" and 1 in there.values():
            raise ValueError("here")

    before = threading.active_count()
    with pytest.raises(ValueError, match="here"):
        together([work(number) for number in range(3)], lambda at: at, meet)
    assert sorted(ended) == [0, 1, 2]
    assert threading.active_count() == before
