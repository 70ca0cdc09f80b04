"""Compare the entropy coders with each other, with zstd, and with the ISO standard's coder, on the same integers."""

from __future__ import annotations

import contextlib
import io
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray

import frformat
from bench import Row, jar, resnet20_path
from frformat.format.coders import CODERS, Run
from frformat.format.coders.batches import joined
from frformat.format.coders.engine import engine
from frformat.format.coders.zstd import zstd
from frformat.format.tensor import CodedTensor

Integers = NDArray[np.int32]

LEVEL: Final = 19
STEPS: Final = 2
"""Number of quantization steps per standard deviation, which results in about 3 bits per weight."""


LARGE: Final = {"adaptive": 6.0, "static": 1.5}
"""Maximum number of seconds in which each coder should load the weights of :func:`large`."""


def run() -> list[Row]:
    """Measure sizes and speeds on the weights of a trained ResNet-20, and speeds on larger networks."""
    weights, kernels = _resnet(), [_kernels()]
    rows = [*_sizes(weights), *_standard(weights), *_speeds("small", weights), *_speeds("large", kernels)]
    return [*rows, *_fallback(kernels), *_files(kernels), *_files(large(), LARGE)]


def _resnet() -> list[Integers]:
    state = torch.load(resnet20_path(), map_location="cpu", weights_only=True)["state_dict"]
    arrays = [tensor.numpy() for tensor in state.values() if tensor.ndim > 1]
    return [np.rint(array * STEPS / array.std()).astype(np.int32) for array in arrays]


def _kernels() -> Integers:
    return _like_weights(np.random.default_rng(0), (1024, 512, 3, 3))


def _like_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Integers:
    """Return values whose magnitudes vary between rows and between channels, as in real networks."""
    rows, channels = (np.exp(rng.standard_normal(n) / 2) for n in shape[:2])
    scales = np.multiply.outer(rows, channels).reshape(*shape[:2], *(1 for _ in shape[2:]))
    return np.rint(2 * rng.laplace(size=shape) * scales).astype(np.int32)


def _sizes(arrays: list[Integers]) -> Iterator[Row]:
    sizes = {name: _coded(name, arrays)[0] for name in ("adaptive", "static")}
    narrow = np.concatenate([array.reshape(-1) for array in arrays])
    kind = np.int8 if np.abs(narrow).max() < 128 else np.int16
    general = len(zstd.compress(narrow.astype(kind).tobytes(), LEVEL))
    count = len(narrow)
    for name, aim in (("adaptive", 0.95), ("static", 1.0)):
        share = sizes[name] / general
        figure = f"{share:.3f} × zstd -{LEVEL} on {np.dtype(kind)} ({sizes[name]:,} B / {general:,} B)"
        yield Row(f"{name}: {count:,} weights of ResNet-20", figure, f"≤ {aim} ×", share <= aim)


def _standard(arrays: list[Integers]) -> Iterator[Row]:
    """Compare with the reference software of ISO/IEC 15938-17, if it is installed."""
    try:
        from nncodec import nn
    except ImportError:
        return
    state = {f"t{i:02d}.weight": array.astype(np.float32) for i, array in enumerate(arrays)}
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        options = {"verbose": False, "results": folder, "qp": 0, "nonweight_qp": 0, "use_dq": False}
        stored, encoding = timed(lambda: nn.encode(dict(state), options))
        _, decoding = timed(lambda: nn.decode(stored, options))
    size, ours_in, ours_out = _coded("adaptive", arrays)
    figure = f"{size / len(stored):.3f} × nncodec ({size:,} B / {len(stored):,} B)"
    yield Row("adaptive: the same, against the ISO standard's coder", figure, "≤ 1 ×", size <= len(stored))
    figure = f"{encoding / ours_in:.1f} × and {decoding / ours_out:.1f} × as fast"
    yield Row(
        "adaptive: encoding and decoding against it", figure, "≥ 1 ×", min(encoding / ours_in, decoding / ours_out) >= 1
    )


def _speeds(size: str, arrays: list[Integers]) -> Iterator[Row]:
    """Measure the speed of the compiled code, and how many more bytes ``static`` produces than ``adaptive``."""
    if not engine().compiled:
        return
    count = sum(array.size for array in arrays)
    times = {name: _best(name, arrays, 15 if size == "small" else 3) for name in ("adaptive", "static")}
    for name, (nbytes, encoding, decoding) in times.items():
        speeds = f"{count / encoding / 1e6:.1f} and {count / decoding / 1e6:.1f} M values/s"
        figure = f"{speeds}, {8 * nbytes / count:.2f} bits each"
        aim = 40e6 if name == "static" else 5e6
        met = count / max(encoding, decoding) >= aim
        yield Row(f"{name}: encode and decode {count:,} weights of {size} tensors", figure, f"≥ {aim / 1e6:.0f}", met)
    share = times["static"][0] / times["adaptive"][0]
    yield Row(f"static: bytes against adaptive, {size} tensors", f"{share:.3f} ×", "≤ 1.06 ×", share <= 1.06)
    encoding, decoding = (slow / fast for slow, fast in zip(times["adaptive"][1:], times["static"][1:], strict=True))
    figure = f"{encoding:.1f} × and {decoding:.1f} × as fast"
    yield Row(f"static: encode and decode against adaptive, {size} tensors", figure, "≥ 1.5 ×", encoding >= 1.5)


def _best(name: str, arrays: list[Integers], times: int) -> tuple[int, float, float]:
    """Return the size in bytes, and the shortest encoding and decoding times of several runs."""
    sizes, encoding, decoding = zip(*(_coded(name, arrays) for _ in range(times)), strict=True)
    return sizes[0], min(encoding), min(decoding)


def _fallback(arrays: list[Integers]) -> Iterator[Row]:
    """Measure the speedup of the compiled code over Python and NumPy."""
    if not engine().compiled:
        return
    for name, rows in (("adaptive", 4), ("static", 512)):
        part = [array[:rows] for array in arrays]
        compiled = _coded(name, part)
        with _fallen_back():
            pure = _coded(name, part)
        assert compiled[0] == pure[0]
        gains = [slow / fast for slow, fast in zip(pure[1:], compiled[1:], strict=True)]
        count = sum(array.size for array in part)
        speeds = " and ".join(f"{count / seconds / 1e6:.2f}" for seconds in pure[1:])
        figure = f"{gains[0]:.1f} × and {gains[1]:.1f} × as fast ({speeds} M values/s without it)"
        yield Row(f"{name}: compiled code, encoding and decoding", figure, "> 1 ×", min(gains) > 1)


def large() -> list[Integers]:
    """Return weights with the shapes of ResNet-50, whose magnitudes vary between rows and between channels."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (1000, 2048)]
    before = 64
    for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(count):
            shapes += [(width, before, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            shapes += [(4 * width, before, 1, 1)] if i == 0 else []
            before = 4 * width
    rng = np.random.default_rng(0)
    return [_like_weights(rng, shape) for shape in shapes]


def _files(arrays: list[Integers], aims: Mapping[str, float] | None = None) -> Iterator[Row]:
    """Measure the time on one core to save files, and to load them as float32 in Python and in the Android decoder."""
    count = sum(array.size for array in arrays)
    tensors = {f"{i:02d}": CodedTensor(array, array.shape, "f32", step=-128) for i, array in enumerate(arrays)}
    loading = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("adaptive", "static"):
            path = os.path.join(folder, f"{name}.frz")
            _, saving = timed(lambda path=path, name=name: frformat.save_file(tensors, path, compression=name))  # type: ignore[misc]
            here = min(timed(lambda path=path: frformat.load_file(path))[1] for _ in range(3))  # type: ignore[misc]
            loading[name] = there = _jvm_seconds(path)
            what = f"{name}, a file of {count:,} weights"
            yield Row(f"{what}: save it", f"{saving:.2f} s", "≤ 15 s" if aims else "", not aims or saving <= 15)
            for where, seconds in (("Python", here), ("JVM", there)):
                figure = f"{seconds:.2f} s, {count / seconds / 1e6:.1f} M values/s"
                aim = aims[name] if aims else math.inf
                yield Row(f"{what}: load it, {where}", figure, f"≤ {aim} s" if aims else "", seconds <= aim)
    faster = loading["adaptive"] / loading["static"]
    yield Row(f"JVM, {count:,} weights: static against adaptive", f"{faster:.1f} × as fast", "≥ 2 ×", faster >= 2)


def _jvm_seconds(path: str) -> float:
    """Return the processor time to load a file with the decoder for Android, after the JVM has warmed up."""

    def seconds(runs: int) -> float:
        command = ["java", "-XX:ActiveProcessorCount=1", "-jar", jar(), "bench", path, "--warm-up", "0"]
        before = os.times()
        subprocess.run([*command, "--runs", str(runs)], check=True, capture_output=True)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])

    return (seconds(5) - seconds(1)) / 4


@contextlib.contextmanager
def _fallen_back() -> Iterator[None]:
    with mock.patch.dict(os.environ, {"FRFORMAT_PURE": "1"}):
        engine.cache_clear()
        yield
    engine.cache_clear()


class _Runs:
    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self.total = sum(run.size for run in runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)


def _coded(name: str, arrays: list[Integers]) -> tuple[int, float, float]:
    """Return the size in bytes, and the times in seconds to encode and to decode."""
    runs, out = _Runs([Run(False, (array.shape,)) for array in arrays]), io.BytesIO()
    pieces = zip(runs, arrays, strict=True)
    _, encoding = timed(lambda: CODERS[name].encoder("i32", False).encode(joined(pieces), out))
    stored = _Stored(out.getvalue())
    values, decoding = timed(lambda: CODERS[name].decoder("i32", False).decode(stored, runs))
    assert np.array_equal(values, np.concatenate([array.reshape(-1) for array in arrays]))
    return len(out.getvalue()), encoding, decoding


class _Stored(io.BytesIO):
    def rest(self) -> bytes:
        return self.getvalue()


def timed(task: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a task and its processor time, which other programs hardly affect."""
    start = time.process_time()
    result = task()
    return result, time.process_time() - start
