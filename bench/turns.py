"""Measure the time of two tasks that take turns, so that both run under the same conditions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def paired(
    first: Callable[[], object], second: Callable[[], object], rounds: int, unmeasured: int = 0
) -> tuple[float, float]:
    """Return the median times in seconds.

    Args:
        first: the first task. What it returns is freed outside the measurement.
        second: the second task.
        rounds: number of times that each task is measured.
        unmeasured: number of times that each task runs before it is measured.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(unmeasured + rounds):
        for task, spent in zip((first, second), times, strict=True):
            start = time.perf_counter()
            result = task()
            spent.append(time.perf_counter() - start)
            del result
    return statistics.median(times[0][unmeasured:]), statistics.median(times[1][unmeasured:])
