"""Results of an open file do not depend on other threads or processes, or on what the caller does with earlier ones."""

from __future__ import annotations

import copy
import io
import itertools
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any

import numpy as np
import pytest

import frformat
from frformat import Axis, CodedTensor, FrzError, Spectrum
from frformat.format.options import COMPRESSIONS
from frformat.format.sharing import Lock, SharedFile

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork processes")


def test_threads_share_an_open_file() -> None:
    rng = np.random.default_rng(0)
    arrays = {f"a{i}": rng.normal(size=(40, 50)).astype("f4") for i in range(8)}
    stepped = {f"q{i}": CodedTensor.of_array(arrays[f"a{i}"], "q8", axis=0) for i in range(8)}
    data = frformat.save({**arrays, **stepped, **{f"s{i}": Spectrum.of(arrays[f"a{i}"], 300) for i in range(8)}})
    wanted = frformat.load(data)
    names = list(wanted)

    with frformat.open(_Slow(data)) as file, ThreadPoolExecutor(6) as pool:
        # Each thread reads the tensors in another order, so that groups are decoded again and again.
        orders = [np.random.default_rng(seed).permutation(len(names)) for seed in range(6)]
        found = pool.map(lambda order: [(names[i], file.stored(names[i], tier=0).rebuild()) for i in order], orders)
        assert all(np.array_equal(array, wanted[name]) for each in found for name, array in each)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_move_the_position_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    with SharedFile(path) as file:
        assert file.read(10) == bytes(range(10))
        assert _forked(lambda: file.read(10) == bytes(range(10, 20)) and file.seek(-1, os.SEEK_END) == 99)
        assert file.read() == bytes(range(10, 100))


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_processes_read_files_of_their_parent(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(300, 200)).astype("f4")
    tensors = {f"a{i}": array + i for i in range(100)}  # too large to stay decoded
    frformat.save_file(tensors, tmp_path / "a.frz", compression="none")
    locked, done = Event(), Event()
    with frformat.open(tmp_path / "a.frz") as file, ThreadPoolExecutor(1) as pool:

        def reads() -> bool:
            return all(np.array_equal(file[name], tensors[name]) for name in tensors)

        def hold(lock: Lock) -> None:
            with lock.held:
                locked.set()
                done.wait()

        holding = pool.submit(hold, file._lock)
        locked.wait()
        try:
            assert _forked(reads, seconds=60)
        finally:
            done.set()
        holding.result()
        assert _forked(reads, reads)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="changes are not noticed on this platform")
@pytest.mark.parametrize("read", [lambda file: file["b"], lambda file: file.verify(), lambda file: file.load()])
def test_a_file_that_changes_while_it_is_open_is_not_read_further(
    tmp_path: Path, read: Callable[[frformat.FrzFile], object]
) -> None:
    path = tmp_path / "a.frz"
    first = {name: np.full(3000, number, "f4") for number, name in enumerate("ab")}
    frformat.save_file(first, path, compression="none")
    changed = frformat.save({name: array + 1 for name, array in first.items()}, compression="none")
    os.utime(path, ns=(0, 0))
    with frformat.open(path) as file:
        assert np.array_equal(file["a"], first["a"])
        path.write_bytes(changed)  # all its segments have the same sizes as before, and valid checksums
        with pytest.raises(FrzError, match="changed since it was opened"):
            read(file)


def test_an_interrupt_leaves_the_file_to_other_threads() -> None:
    """A signal can arrive whenever a function of the package is called or returns."""
    data = frformat.save({"a": np.ones(3, "f4")})

    def interrupt(number: int) -> Any:
        """Return a trace function that raises at the event with this number."""
        events = itertools.count()

        def trace(frame: FrameType, event: str, _: object) -> Any:
            if event == "line" or not frame.f_code.co_filename.endswith("sharing.py"):
                return trace
            if next(events) == number:
                sys.settrace(None)
                raise KeyboardInterrupt
            return trace

        return trace

    before = sys.gettrace()
    with frformat.open(io.BytesIO(data)) as file:
        for number in itertools.count():
            sys.settrace(interrupt(number))
            try:
                file.verify()
            except KeyboardInterrupt:
                other = Thread(target=file.verify, daemon=True)
                other.start()
                other.join(timeout=10)
                assert not other.is_alive()
            else:
                break
            finally:
                sys.settrace(before)
    assert number > 3


def test_closing_a_file_waits_for_threads_that_read_it() -> None:
    reading, go = Event(), Event()

    class Waiting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if opened:
                reading.set()
                go.wait()
            return super().read(size)

    opened: list[frformat.FrzFile] = []
    array = np.arange(5000, dtype="f4")
    file = frformat.open(Waiting(frformat.save({"a": array})))
    opened.append(file)
    with ThreadPoolExecutor(2) as pool:
        found = pool.submit(lambda: file["a"])
        reading.wait()
        closing = pool.submit(file.close)
        time.sleep(0.01)
        go.set()
        assert np.array_equal(found.result(), array)
        closing.result()


def test_an_open_file_cannot_be_pickled_or_copied(tmp_path: Path) -> None:
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="open the file again"):
            act(frformat.open(frformat.save({})))


class _Partial(io.BytesIO):
    """A file whose reads return fewer bytes than requested."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 1000) if size != -1 else -1)

    def readinto(self, buffer: Any) -> int:
        return super().readinto(memoryview(buffer)[:1000])

    def seek(self, offset: int, whence: int = 0) -> int:
        super().seek(offset, whence)
        return None  # type: ignore[return-value]  # as SpooledTemporaryFile did before Python 3.11


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_file_objects_may_return_fewer_bytes_than_requested(compression: str) -> None:
    tensors = {f"a{i}": np.random.default_rng(i).normal(size=3000).astype("f4") for i in range(3)}
    with frformat.open(_Partial(frformat.save(tensors, compression=compression))) as file:
        file.verify()
        assert all(np.array_equal(array, tensors[name]) for name, array in file.load().items())


def test_what_cannot_be_read_as_a_file_is_named() -> None:
    receiver, sender = os.pipe()
    os.close(sender)
    data = frformat.save({})
    with open(receiver, "rb") as pipe, pytest.raises(OSError, match="not seekable: read it"):
        frformat.open(pipe)
    for wrong, error in ((None, "type NoneType"), (np.frombuffer(data, "u1"), "type ndarray"), (io.StringIO(), "text")):
        with pytest.raises(TypeError, match=error):
            frformat.open(wrong)  # type: ignore[arg-type]


def test_bytes_need_not_be_contiguous() -> None:
    data = frformat.save({"a": np.arange(9)})
    strided: Any = memoryview(np.repeat(np.frombuffer(data, "u1"), 2))[::2]
    assert np.array_equal(frformat.load(strided)["a"], np.arange(9))


def _forked(work: Callable[[], bool], own: Callable[[], bool] = lambda: True, seconds: int = 60) -> bool:
    """Return whether functions return True in a forked process, which is killed after a time, and in this process."""
    child = os.fork()
    if not child:
        signal.alarm(seconds)
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    mine = own()
    return os.waitpid(child, 0)[1] == 0 and mine


class _Slow(io.BytesIO):
    """A file whose reads let other threads run first."""

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(1e-4)
        return super().read(size)

    def readinto(self, buffer: Any) -> int:
        time.sleep(1e-4)
        return super().readinto(buffer)


def test_changing_stored_values_changes_no_other_result() -> None:
    weights = np.random.default_rng(0).normal(size=(6, 8)).astype("f4")
    factor = np.eye(3, 8, dtype="f4")
    tensors = {
        "plain": weights,
        "other": 2 * weights,
        "spectrum": Spectrum.of(weights, 20),
        "second": Spectrum.of(2 * weights, 20),
        "steps": CodedTensor.of_array(weights, "q8", axis=0),
        "more steps": CodedTensor.of_array(2 * weights, "q8", axis=0),
        "factors": CodedTensor(weights[:, :3], (6, 8), "f32", (Axis(), Axis("stored", factor))),
    }
    data = frformat.save(tensors)
    wanted = frformat.load(data)
    with frformat.open(data) as file:
        for name in tensors:
            stored = file.stored(name)
            stored.values[...] = 1
            for offsets in stored.offsets.values():
                offsets[...] = 1
            for axis in stored.axes:
                if isinstance(axis.argument, CodedTensor):
                    axis.argument.values[...] = 1
            if file.info(name).spectral:
                file.spectrum(name).coefficients[...] = 1
                file.coefficients(name)[...] = 1
        assert all(np.array_equal(file[name], array) for name, array in wanted.items())
