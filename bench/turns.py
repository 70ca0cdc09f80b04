"""Measure the time of tasks that take turns, so that all run under the same conditions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


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


def fastest(tasks: Mapping[str, Callable[[], T]], rounds: int) -> tuple[dict[str, float], dict[str, T]]:
    """Return, by name, the least processor time of each task in seconds, and its last result.

    Args:
        tasks: the tasks by name.
        rounds: number of times that each task is measured.
    """
    seconds, results = dict.fromkeys(tasks, float("inf")), {}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.process_time()
            results[name] = task()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds, results
