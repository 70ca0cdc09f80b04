"""Fill templates with the weights of ``.frz`` files. PyTorch is not needed."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format import limits
from frformat.format.atomic import replacing
from frformat.format.reader import FrzFile, Source, open
from frformat.runtimes.template.files import Literal, parse
from frformat.runtimes.template.layout import (
    Basis,
    Core,
    Layout,
    Lengths,
    Place,
    Product,
    Scaled,
    Shifted,
    columns,
    rows,
)
from frformat.runtimes.template.values import computed
from frformat.runtimes.weights import check, given, mismatch, naming

StrPath = str | os.PathLike[str]
Array = NDArray[Any]


def fill(
    template: StrPath | bytes,
    weights: StrPath,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> bytearray:
    """Return the runtime's model file with the weights of an ``.frz`` file.

    Args:
        template: a file written by :func:`frformat.runtimes.export`, or its bytes.
        weights: the ``.frz`` file. Floating-point tensors of any precision are converted to 32 bits.
        tier: the capacity tier; None for the largest one present.
        memory_budget: number of bytes that the result, and computing and decoding its weights, may take together.
        base: the base of a delta file; see :func:`frformat.open`.

    Raises:
        LoadError: the template is damaged, or the weights do not fit it.
        FrzError: the weights are damaged, their base is missing or is a different file, or the result exceeds
            ``memory_budget``.
        OSError: a file cannot be read.
    """
    with naming(template):
        layout, literal = parse(template if isinstance(template, bytes) else Path(template).read_bytes())
        with open(weights, tier=tier, memory_budget=memory_budget, base=base) as file:
            check(layout.contract, file, weights)
            held = layout.size + sum(file.info(source).nbytes for source in _small(layout, file))
            needed = held + _working_bytes(layout)
            if needed > memory_budget:
                raise FrzError(
                    "BUDGET",
                    f"filling the template takes {needed} bytes, but the memory budget is {memory_budget}; raise it",
                )
            file.set_memory_budget(memory_budget - held)
            filled = bytearray(layout.size)
            _write_literal(filled, layout, literal)
            _write_values(filled, layout, file, weights)
            _write_digests(filled, layout)
    return filled


def fill_file(
    template: StrPath | bytes,
    weights: StrPath,
    path: StrPath,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> int:
    """Write the result of :func:`fill` to a file, which is replaced only after the new one is complete.

    Returns:
        The size of the file in bytes.

    Raises:
        LoadError: the template is damaged, or the weights do not fit it.
        FrzError: the weights are damaged, their base is missing or is a different file, or the result exceeds
            ``memory_budget``.
        OSError: a file cannot be read or written.
    """
    filled = fill(template, weights, tier=tier, memory_budget=memory_budget, base=base)
    with replacing(path) as file:
        return file.write(filled)


def _small(layout: Layout, file: FrzFile) -> list[str]:
    """Return the names in the file of the tensors of normalizations, which stay in memory."""
    names = {name for each in layout.normalizations for name in each.tensors()}
    return [source for name in sorted(names) for source in layout.contract.sources(name, file)[:1]]


def _working_bytes(layout: Layout) -> int:
    """Return the memory to compute a value, including its tensor.

    It consists of a copy in 64-bit floats, and of its product with a scale.
    """
    largest = max(map(math.prod, layout.tensors.values()), default=0)
    for value in layout.values:
        if isinstance(value, Basis | Product | Core):
            tables = sum(rows(axes) * columns(axes) for axes in _bases(value, layout))
            largest = max(largest, 2 * (math.prod(layout.shape(value)) + tables))
    return 20 * largest


def _bases(value: Basis | Product | Core, layout: Layout) -> list[Lengths]:
    """Return the axes of all bases from which a value is computed."""
    if isinstance(value, Basis):
        return [value.axes]
    if isinstance(value, Product):
        return [value.left, value.right]
    form = layout.forms[value.tensor]
    return [((form[axis], value.box[axis]),) for axis in value.expanded]


def _write_literal(to: bytearray, layout: Layout, literal: Literal) -> None:
    end = 0
    for start, next_end in layout.holes:
        to[end:start] = literal.take(start - end)
        end = next_end
    to[end:] = literal.take(layout.size - end)
    literal.finish()


def _write_values(to: bytearray, layout: Layout, file: FrzFile, path: StrPath) -> None:
    contract = layout.contract
    small = {name for each in layout.normalizations for name in each.tensors()}
    tensors = {name: given(contract, name, file, path) for name in small}
    places: dict[int, list[Place]] = {}
    for place in layout.places:
        places.setdefault(place.value, []).append(place)
    by_tensor: dict[str | None, list[int]] = {name: [] for name in layout.tensors}
    for number, value in enumerate(layout.values):
        by_tensor.setdefault(value.tensor, []).append(number)
    for name, numbers in by_tensor.items():
        if name is not None and name not in tensors:
            tensors[name] = given(contract, name, file, path)
        for number in numbers:
            value = layout.values[number]
            array = computed(value, layout, tensors.__getitem__)
            if isinstance(value, Scaled | Shifted) and not np.isfinite(array).all():
                norm = layout.normalizations[value.normalization].variance
                raise mismatch(path, f"the normalization of {norm} yields weights that do not fit into f32")
            if isinstance(value, Core) and not np.isfinite(array).all():
                raise mismatch(path, f"the coefficients of {value.tensor} yield a core that does not fit into f32")
            for place in places.get(number, []):
                _write(to, place, array)
        if name not in small:
            tensors.pop(name or "", None)


def _write_digests(to: bytearray, layout: Layout) -> None:
    for digest in layout.digests:
        place = layout.places[digest.place]
        content = memoryview(to)[place.offset : place.end]
        to[digest.offset : digest.end] = hashlib.sha256(content).hexdigest().encode()


def _write(to: bytearray, place: Place, array: Array) -> None:
    """Copy elements of an array. The parser has checked that the array contains them."""
    source = as_strided(
        array.reshape(-1)[place.start :],
        [count for count, _ in place.axes],
        [stride * array.itemsize for _, stride in place.axes],
    )
    target = np.frombuffer(to, "<f4", place.elements, place.offset)
    target.reshape(source.shape)[...] = source
