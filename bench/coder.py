"""Compare the entropy coders with each other, zstd, and the coder of the ISO standard, on the same integers."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray

import frformat
from bench import DATA, Missing, Row, jar
from frformat.format.coders import CODERS, Run
from frformat.format.coders.engine import engine
from frformat.format.coders.zstd import zstd
from frformat.format.tensor import CodedTensor

Integers = NDArray[np.int32]

LEVEL: Final = 19
STEPS: Final = 2
"""Number of quantization steps per standard deviation: about 3 bits per weight."""


def run() -> list[Row]:
    """Measure sizes on the weights of a trained ResNet-20, and speeds on kernels of a network 100 times as large."""
    weights, kernels = _resnet(), [_kernels()]
    return [*_sizes(weights), *_standard(weights), *_speeds(kernels), *_fallback(kernels), *_jvm(kernels[0])]


def _resnet() -> list[Integers]:
    path = DATA / "resnet_cifar10" / "resnet20-12fca82f.th"
    if not path.exists():
        raise Missing(f"{path} does not exist: set FRFORMAT_DATA to a folder that contains it")
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    arrays = [tensor.numpy() for tensor in state.values() if tensor.ndim > 1]
    return [np.rint(array * STEPS / array.std()).astype(np.int32) for array in arrays]


def _kernels() -> Integers:
    """Return kernels whose magnitudes vary from row to row and from channel to channel, as in real networks."""
    rng = np.random.default_rng(0)
    rows, channels = (np.exp(rng.standard_normal(n) / 2) for n in (1024, 512))
    return np.rint(2 * rng.laplace(size=(1024, 512, 3, 3)) * np.multiply.outer(rows, channels)[..., None, None]).astype(
        np.int32
    )


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
        stored, encoding = _timed(lambda: nn.encode(dict(state), options))
        _, decoding = _timed(lambda: nn.decode(stored, options))
    size, ours_in, ours_out = _coded("adaptive", arrays)
    figure = f"{size / len(stored):.3f} × nncodec ({size:,} B / {len(stored):,} B)"
    yield Row("adaptive: the same, against the ISO standard's coder", figure, "≤ 1 ×", size <= len(stored))
    figure = f"{encoding / ours_in:.1f} × and {decoding / ours_out:.1f} × as fast"
    yield Row(
        "adaptive: encoding and decoding against it", figure, "≥ 1 ×", min(encoding / ours_in, decoding / ours_out) >= 1
    )


def _speeds(arrays: list[Integers]) -> Iterator[Row]:
    if not engine().compiled:
        return
    count = sum(array.size for array in arrays)
    times = {name: _coded(name, arrays) for name in ("adaptive", "static")}
    for name, (size, encoding, decoding) in times.items():
        speeds = f"{count / encoding / 1e6:.1f} and {count / decoding / 1e6:.1f} M values/s"
        figure = f"{speeds}, {8 * size / count:.2f} bits each"
        yield Row(f"{name}: encode and decode {count:,} kernel weights", figure, "", True)
    share = times["static"][0] / times["adaptive"][0]
    yield Row("static: bytes against adaptive", f"{share:.3f} ×", "≤ 1.05 ×", share <= 1.05)
    faster = times["adaptive"][2] / times["static"][2]
    yield Row("static: decoding against adaptive", f"{faster:.1f} × as fast", "≥ 3 ×", faster >= 3)


def _fallback(arrays: list[Integers]) -> Iterator[Row]:
    """Measure the gain of the compiled code over Python and NumPy."""
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


def _jvm(kernels: Integers) -> Iterator[Row]:
    """Measure decoding and storing as float32 with the decoder for Android, in one thread."""
    tensor = CodedTensor(kernels, kernels.shape, "f32", step=-128)
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("adaptive", "static"):
            path = os.path.join(folder, f"{name}.frz")
            frformat.save_file({"kernels": tensor}, path, compression=name)
            command = ["java", "-jar", jar(), "bench", path, "--json", "--warm-up", "5", "--runs", "9"]
            times[name] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["rebuild_ms"]
            yield Row(f"JVM, {name}: load them", f"{kernels.size / times[name] / 1e3:.1f} M values/s", "", True)
    faster = times["adaptive"] / times["static"]
    yield Row("JVM, static: loading against adaptive", f"{faster:.1f} × as fast", "≥ 3 ×", faster >= 3)


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
    """Return the size in bytes, and the seconds to encode and to decode."""
    runs, out = _Runs([Run(False, (array.shape,)) for array in arrays]), io.BytesIO()
    _, encoding = _timed(lambda: CODERS[name].encoder("i32", False).encode(zip(runs, arrays, strict=True), out))
    stored = _Stored(out.getvalue())
    values, decoding = _timed(lambda: CODERS[name].decoder("i32", False).decode(stored, runs))
    assert np.array_equal(values, np.concatenate([array.reshape(-1) for array in arrays]))
    return len(out.getvalue()), encoding, decoding


class _Stored(io.BytesIO):
    def rest(self) -> bytes:
        return self.getvalue()


def _timed(task: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a task and its processor time, which other programs do not affect."""
    start = time.process_time()
    result = task()
    return result, time.process_time() - start
