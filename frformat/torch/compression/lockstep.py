"""Run several functions in lockstep: they wait for one another at each layer."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any

from frformat.torch.compression.inputs import CompressionError


class _Stopped(BaseException):
    """Raised inside a run to end it when it is no longer needed."""


class Run:
    """A function that runs in a thread until it waits, and continues when resumed; the caller is blocked meanwhile.

    Args:
        work: the function. It receives this object and calls its method :meth:`wait`.
    """

    def __init__(self, work: Callable[[Run], None]) -> None:
        self.at: Any = None
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._stop = False
        self._error: BaseException | None = None
        self._done = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._main, work), daemon=True)
        self._thread.start()

    def wait(self, at: Any) -> None:
        """Pause the calling function until it is resumed. :attr:`at` is the place where it waits."""
        self.at = at
        self._paused.release()
        self._go.acquire()
        if self._stop:
            raise _Stopped

    def resume(self) -> bool:
        """Let the function run until it waits again or ends.

        Returns:
            True if it waits; False if it has ended.

        Raises:
            Exception: the function raised it.
        """
        self.at = None
        self._go.release()
        self._paused.acquire()
        if self._error is not None:
            raise self._error
        return not self._done

    def stop(self) -> None:
        """End the function at the point where it waits."""
        if not self._done:
            self._stop = True
            self._go.release()
            self._thread.join()

    def _main(self, work: Callable[[Run], None]) -> None:
        self._go.acquire()
        try:
            if not self._stop:
                work(self)
        except _Stopped:
            pass
        except BaseException as error:  # resume() raises it again in the caller
            self._error = error
        self._done = True
        self._paused.release()


def together(
    works: Sequence[Callable[[Run], None]],
    order: Callable[[Any], int],
    meet: Callable[[dict[int, Any]], None],
) -> None:
    """Run functions in lockstep, one at a time.

    Whenever all functions are waiting, ``meet`` is called for those at the position with the lowest rank. These
    functions are then resumed.

    Args:
        works: the functions.
        order: function that returns the rank of a position.
        meet: function to call before functions are resumed, with the positions where they wait, by index in ``works``.

    Raises:
        CompressionError: the system allows fewer threads than there are functions.
        Exception: a function or ``meet`` raised it; all other functions have been stopped.
    """
    runs: list[Run] = []
    try:
        runs.extend(_started(work, len(works)) for work in works)
        waiting = [index for index, run in enumerate(runs) if run.resume()]
        while waiting:
            first = min(order(runs[index].at) for index in waiting)
            there = [index for index in waiting if order(runs[index].at) == first]
            meet({index: runs[index].at for index in there})
            gone = {index for index in there if not runs[index].resume()}
            waiting = [index for index in waiting if index not in gone]
    finally:
        for run in runs:
            run.stop()


def _started(work: Callable[[Run], None], needed: int) -> Run:
    try:
        return Run(work)
    except RuntimeError as error:  # can't start new thread
        raise CompressionError(
            f"the batches need {needed} threads, which the system does not allow: pass fewer, larger batches"
        ) from error
