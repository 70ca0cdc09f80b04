"""Read untrusted parity reports (``docs/parity-report.md``)."""

from __future__ import annotations

import base64
import math
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.parity.fields import ELEMENTS, Fields, reading
from frformat.parity.npy import read_array

INPUTS: Final = 65_536
LAYERS: Final = 4_096
FORMAT: Final = "frz-parity-report"
VERSION: Final = 1

Floats = NDArray[np.float32]
StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Output:
    """An output of the model or of a layer.

    Attributes:
        shape: its shape.
        crc32: checksum of its elements.
        summary: ``min``, ``max``, ``mean`` and ``nonfinite``, where known.
        name: name of the layer.
    """

    shape: tuple[int, ...]
    crc32: str
    summary: dict[str, float] = field(default_factory=dict)
    name: str = ""
    _read: Callable[[], Floats] | None = None
    _runs: tuple[int, list[int]] | None = None

    def array(self) -> Floats | None:
        """Return its elements, or None if the report does not contain them.

        Raises:
            ReportError: the file is missing, its shape differs, or the values do not match the checksum.
        """
        return None if self._read is None else self._read()

    def classes(self) -> NDArray[np.int32] | None:
        """Return the winning class at each position (int32, without the class axis); None if the report lacks them."""
        if self._runs is None:
            return None
        axis, runs = self._runs
        shape = self.shape[:axis] + self.shape[axis + 1 :]
        return np.repeat(np.array(runs[::2], np.int32), runs[1::2]).reshape(shape)


@dataclass(frozen=True)
class Sample:
    """The results for one input.

    Attributes:
        name: name of the input.
        shape: shape of the input.
        crc32: checksum of its elements.
        times: time of each run, in ms.
        output: the output; None if there is an error.
        layers: outputs of layers, in the order in which they are computed.
        error: why there is no output.
    """

    name: str
    shape: tuple[int, ...]
    crc32: str
    times: list[float]
    output: Output | None
    layers: list[Output]
    error: str | None


@dataclass(frozen=True)
class LoadedFile:
    """A file that was loaded.

    Attributes:
        file: its name without folders.
        bytes: its size.
        crc32: checksum of the whole file.
    """

    file: str
    bytes: int
    crc32: str

    @classmethod
    def of(cls, path: StrPath) -> LoadedFile:
        """Read the file at a path, and describe it."""
        with open(path, "rb") as file:
            data = file.read()
        return cls(os.path.basename(path), len(data), f"{zlib.crc32(data):08x}")


@dataclass(frozen=True)
class Report:
    """The record of a run on a phone or elsewhere.

    Attributes:
        path: the document.
        about: strings and numbers of ``producer``, ``device`` and ``runtime``, under names such as ``device.model``.
        load: loading times in ms, under the names of the specification.
        memory: resident bytes, under the names of the specification.
        skeleton: the file of the skeleton.
        weights: the ``.frz`` file, or None.
        inputs: the results for each input, by its name.
    """

    path: str
    about: dict[str, str | float]
    load: dict[str, float]
    memory: dict[str, float]
    skeleton: LoadedFile
    weights: LoadedFile | None
    inputs: dict[str, Sample]


def read_report(path: str) -> Report:
    """Read a report. Files with values next to it are read on demand.

    Raises:
        ReportError: it is not a valid report.
        OSError: it cannot be read.
    """
    with reading(path) as document:
        document.identify(FORMAT, VERSION, "parity report")
        model = document.object("model", required=True)
        assert model is not None
        skeleton, weights = model.object("skeleton", required=True), model.object("weights")
        assert skeleton is not None
        return Report(
            path,
            document.about("producer", "device", "runtime"),
            _numbers(document.object("load")),
            _numbers(document.object("memory")),
            _file(skeleton),
            None if weights is None else _file(weights),
            _samples(document, os.path.dirname(path)),
        )


def _samples(document: Fields, folder: str) -> dict[str, Sample]:
    samples: dict[str, Sample] = {}
    for index, value in enumerate(document.array("inputs", required=True, limit=INPUTS)):
        sample = _sample(Fields(value, f"inputs[{index}]"), folder)
        if sample.name in samples:
            document.refuse(f"inputs[{index}].name", "is also the name of another input")
        samples[sample.name] = sample
    return samples


def _numbers(members: Fields | None) -> dict[str, float]:
    return {k: float(v) for k, v in members.flat().items() if not isinstance(v, str)} if members else {}


def _file(members: Fields) -> LoadedFile:
    file, size = members.text("file", required=True), members.integer("bytes", required=True)
    return LoadedFile(file or "", size or 0, members.checksum("crc32"))


def _sample(members: Fields, folder: str) -> Sample:
    name = members.text("name", required=True) or ""
    output = members.object("output")
    error = members.text("error", required=output is None)
    layers = members.array("layers", limit=LAYERS)
    outputs = [_output(Fields(layer, f"{members.where}.layers[{i}]"), folder) for i, layer in enumerate(layers)]
    return Sample(
        name,
        members.shape("shape"),
        members.checksum("crc32"),
        members.numbers("ms"),
        _output(output, folder) if output else None,
        outputs,
        error,
    )


def _output(members: Fields, folder: str) -> Output:
    shape, crc32 = members.shape("shape"), members.checksum("crc32")
    known = {key: members.number(key) for key in ("min", "max", "mean", "nonfinite")}
    summary = {key: value for key, value in known.items() if value is not None}
    values, classes = members.object("values"), members.object("classes")
    return Output(
        shape,
        crc32,
        summary,
        members.text("name") or "",
        _values(values, folder, shape, crc32) if values else None,
        _runs(classes, shape) if classes else None,
    )


def _runs(members: Fields, shape: tuple[int, ...]) -> tuple[int, list[int]]:
    axis, runs = members.integer("axis", required=True), members.array("runs", required=True)
    assert axis is not None
    if axis >= len(shape):
        members.refuse("axis", f"is {axis}, but the output has rank {len(shape)}")
    if len(runs) % 2 or not all(isinstance(n, int) and 0 <= n <= ELEMENTS for n in runs):
        members.refuse("runs", "is not an array of alternating classes and lengths")
    places = math.prod(shape[:axis] + shape[axis + 1 :])
    if sum(runs[1::2]) != places or 0 in runs[1::2] or any(kind >= shape[axis] for kind in runs[::2]):
        members.refuse("runs", f"does not describe {places:,} positions and {shape[axis]} classes")
    return axis, runs


def _values(members: Fields, folder: str, shape: tuple[int, ...], crc32: str) -> Callable[[], Floats]:
    """Return a function that reads the elements. Check immediately whatever can be checked without reading them."""
    encoding = members.text("encoding", required=True)
    if encoding == "npy":
        file = members.text("file", required=True) or ""
        if file in ("", ".", "..") or any(sign in file for sign in "/\\\0"):
            members.refuse("file", "is not the name of a file next to the report")
        path = os.path.join(folder, file)
        return lambda: _checked(members, read_array(path, shape), crc32)
    if encoding not in ("base64-f32", "base64-f16"):
        members.refuse("encoding", f"is {encoding!r}, not one of npy, base64-f32, base64-f16")
    dtype = np.dtype("<f4" if encoding == "base64-f32" else "<f2")
    size = math.prod(shape) * dtype.itemsize
    text = members.text("data", required=True, limit=(size + 2) // 3 * 4) or ""

    def decode() -> Floats:
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError as error:
            members.refuse("data", f"is not base64: {error}")
        if len(data) != size:
            members.refuse("data", f"has {len(data):,} bytes, not {size:,}")
        values = np.frombuffer(data, dtype).astype(np.float32).reshape(shape)
        return values if dtype.itemsize == 2 else _checked(members, values, crc32)

    return decode


def _checked(members: Fields, values: Floats, crc32: str) -> Floats:
    found = checksum(values)
    if found != crc32:
        members.refuse("", f"has the checksum {found}, not {crc32}: the values are not those of this run")
    return values


def checksum(values: NDArray[Any]) -> str:
    """Return the CRC-32 of the elements of an array, little-endian, in row-major order."""
    return f"{zlib.crc32(np.ascontiguousarray(values, values.dtype.newbyteorder('<')).tobytes()):08x}"
