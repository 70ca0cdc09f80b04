"""Compare two files. ``diff --json`` prints the result; the listing presents it as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from frformat.cli import terminal
from frformat.cli.diff.differences import difference
from frformat.cli.diff.sides import Side, Stored


@dataclass(frozen=True)
class TensorDiff:
    """A tensor that both files have; pairs are (first file, second file).

    Attributes:
        name: its name.
        dtype: its element types.
        shape: its shapes.
        stored: how ``.frz`` files store it.
        absolute: the largest difference of weights; None if the shapes differ.
        relative: ``absolute`` relative to the largest weight in the first file; None if the shapes differ.
        equal: whether dtypes and shapes are equal, and weights are equal within the tolerance.
    """

    name: str
    dtype: tuple[str, str]
    shape: tuple[tuple[int, ...], tuple[int, ...]]
    stored: tuple[Stored | None, Stored | None]
    absolute: float | None
    relative: float | None
    equal: bool


@dataclass(frozen=True)
class FileDiff:
    """The result for two files; pairs are (first file, second file).

    Attributes:
        files: their paths.
        bytes: their sizes.
        notes: remarks for the user on how the files were interpreted.
        tolerance: the largest difference of weights that is ignored, relative to the tensor's largest weight.
        equal: whether both have the same tensors within the tolerance.
        only_in_a: names of the tensors that only the first file has.
        only_in_b: names of the tensors that only the second file has.
        tensors: the tensors that both have.
        metadata: the entries that differ; None where a file does not have one.
    """

    files: tuple[str, str]
    bytes: tuple[int, int]
    notes: tuple[list[str], list[str]]
    tolerance: float
    equal: bool
    only_in_a: list[str]
    only_in_b: list[str]
    tensors: list[TensorDiff]
    metadata: dict[str, tuple[str | None, str | None]]

    def as_json(self) -> dict[str, Any]:
        """Return the output of ``--json``."""
        found: dict[str, Any] = terminal.as_json(self)
        for tensor in found["tensors"]:
            tensor["stored"] = [stored or {} for stored in tensor["stored"]]
        return found


def compare(a: Side, b: Side, tolerance: float, progress: Callable[[int], None]) -> FileDiff:
    """Compare names, shapes, element types and weights, and how the tensors are stored.

    Args:
        a: the first file.
        b: the second file.
        tolerance: the largest difference of weights to ignore, relative to the largest weight in the first file.
        progress: called with the number of bytes of tensors compared since the last call.
    """
    tensors = []
    for name in a.kinds:
        if name in b.kinds:
            tensors.append(_tensor(a, b, name, tolerance))
            progress(a.kinds[name].nbytes)
    only_in_a = [name for name in a.kinds if name not in b.kinds]
    only_in_b = [name for name in b.kinds if name not in a.kinds]
    keys = sorted(a.metadata.keys() | b.metadata.keys())
    metadata = {key: (a.metadata.get(key), b.metadata.get(key)) for key in keys}
    return FileDiff(
        files=(a.path, b.path),
        bytes=(a.size, b.size),
        notes=(a.notes, b.notes),
        tolerance=tolerance,
        equal=not only_in_a and not only_in_b and all(tensor.equal for tensor in tensors),
        only_in_a=only_in_a,
        only_in_b=only_in_b,
        tensors=tensors,
        metadata={key: pair for key, pair in metadata.items() if pair[0] != pair[1]},
    )


def _tensor(a: Side, b: Side, name: str, tolerance: float) -> TensorDiff:
    x, y = a.kinds[name], b.kinds[name]
    found = difference(a, b, name) if x.shape == y.shape else None
    within = found is not None and (found.absolute == 0 or found.relative <= tolerance)
    return TensorDiff(
        name=name,
        dtype=(x.dtype, y.dtype),
        shape=(x.shape, y.shape),
        stored=(x.stored, y.stored),
        absolute=None if found is None else found.absolute,
        relative=None if found is None else found.relative,
        equal=within and x.dtype == y.dtype,
    )
