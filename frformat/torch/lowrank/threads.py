"""Run blocks in parallel, each on one thread, so that a block stays in the cache of one processor core.

No thread waits for another. PyTorch's own threads, by contrast, share each operation. Distributing a short operation
takes longer than the operation itself, and much longer if another process delays one of the threads.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Final

import torch

PARTS: Final = 4
"""Number of parts per thread; a delayed thread processes fewer."""

_POOLS: Final[dict[int, ThreadPoolExecutor]] = {}
_LOCK: Final = Lock()


def in_parallel(count: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(first, end)`` on parts of 0 … count − 1, on as many threads as PyTorch may use, without gradients."""
    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        with torch.no_grad():
            work(0, count)
        return
    part = -(-count // (PARTS * threads))
    todo = itertools.count(0, part)
    inference = torch.is_inference_mode_enabled()

    def some() -> None:
        with torch.inference_mode(inference), torch.no_grad():
            while (first := next(todo)) < count:  # advancing a counter is atomic
                work(first, min(first + part, count))

    for future in [_pool(threads).submit(some) for _ in range(threads)]:
        future.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    with _LOCK:
        if threads not in _POOLS:
            total, started = torch.get_num_threads(), Barrier(threads + 1)

            def start() -> None:
                torch.set_num_threads(1)  # also affects threads that start later, which is undone below
                started.wait()

            pool = ThreadPoolExecutor(threads, "frformat", start)
            for _ in range(threads):
                pool.submit(int)
            started.wait()
            torch.set_num_threads(total)
            _POOLS[threads] = pool
        return _POOLS[threads]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_POOLS.clear)  # threads do not survive a fork
