"""The map of a template; see ``spec/template.md``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from frformat.runtimes.template.layout import (
    RANK,
    TERMS,
    Basis,
    Core,
    Digest,
    Layout,
    Lengths,
    Normalization,
    Place,
    Plain,
    Product,
    Scaled,
    Shifted,
    Value,
    columns,
    rows,
)
from frformat.runtimes.template.stream import Reader, Writer
from frformat.spectral import zigzag

FILE_BYTES: Final = 1 << 40
"""Limit of the format: the size of the filled file."""


def pack_map(layout: Layout) -> bytes:
    """Return the map of a template."""
    numbers = {name: number for number, name in enumerate(layout.tensors)}

    def reference(name: str | None) -> int:
        return 0 if name is None else numbers[name] + 1

    to = Writer()
    to.text(layout.runtime)
    to.text(layout.exporter)
    to.number(layout.size)
    to.number(len(layout.tensors))
    for name, shape in layout.tensors.items():
        to.text(name)
        to.numbers(shape)
        form = layout.forms.get(name, ())
        to.number(len(form))
        for length in form:
            to.signed(length)
    to.number(len(layout.normalizations))
    for each in layout.normalizations:
        to.real(each.eps)
        for part in (each.variance, each.mean, each.weight, each.bias):
            to.number(reference(part))
    to.number(len(layout.values))
    for value in layout.values:
        _pack_value(to, value, reference)
    to.number(len(layout.places))
    end = 0
    for place in layout.places:
        to.number(place.offset - end)
        to.number(place.value)
        to.number(place.start)
        to.number(len(place.axes))
        for count, stride in place.axes:
            to.number(count)
            to.signed(stride)
        end = place.end
    to.number(len(layout.digests))
    end = 0
    for digest in layout.digests:
        to.number(digest.offset - end)
        to.number(digest.place)
        end = digest.end
    to.number(len(layout.ties))
    for tie, name in layout.ties.items():
        to.text(tie)
        to.number(numbers[name])
    to.number(len(layout.unused))
    for name in layout.unused:
        to.text(name)
    return bytes(to.data)


KINDS: Final = (Plain, Scaled, Shifted, Core, Basis, Product)


def _pack_value(to: Writer, value: Value, reference: Callable[[str | None], int]) -> None:
    to.number(KINDS.index(type(value)))
    if isinstance(value, Basis):
        _pack_lengths(to, value.axes)
    elif isinstance(value, Product):
        _pack_lengths(to, value.left)
        to.number(value.start)
        _pack_lengths(to, value.right)
    else:
        to.number(reference(value.tensor))
    if isinstance(value, Scaled):
        to.number(value.axis)
    if isinstance(value, Scaled | Shifted):
        to.number(value.normalization)
    if isinstance(value, Core):
        to.numbers(value.box)
        to.numbers(value.expanded)


def _pack_lengths(to: Writer, axes: Lengths) -> None:
    to.number(len(axes))
    for n, r in axes:
        to.number(n)
        to.number(r)


def parse_map(source: Reader) -> Layout:
    """Parse the map of a template.

    Raises:
        ValueError: it is malformed.
    """
    runtime, exporter, size = source.text(), source.text(), source.number(FILE_BYTES)
    tensors: dict[str, tuple[int, ...]] = {}
    forms: dict[str, tuple[int, ...]] = {}
    for _ in range(source.number()):
        name = source.text()
        if name in tensors:
            raise ValueError(f"{name} occurs twice in its map")
        tensors[name] = tuple(source.number(FILE_BYTES) for _ in range(source.number(RANK)))
        form = tuple(source.signed(FILE_BYTES) for _ in range(source.number(2 * RANK)))
        if form:
            _check_form(name, tensors[name], form)
            forms[name] = form
    names = list(tensors)
    normalizations = tuple(_normalization(source, names, tensors) for _ in range(source.number()))
    places: list[Place] = []
    layout = Layout(runtime, exporter, size, tensors, normalizations, (), (), forms=forms)
    values = tuple(_value(source, names, layout) for _ in range(source.number()))
    lengths = [elements(layout.shape(value)) for value in values]
    end = 0
    for _ in range(source.number()):
        place = _place(source, end, lengths)
        end = place.end
        places.append(place)
    digests: list[Digest] = []
    end = 0
    for _ in range(source.number()):
        digests.append(Digest(end + source.number(FILE_BYTES), source.number(len(places) - 1)))
        end = digests[-1].end
    ties = {}
    for _ in range(source.number()):
        tie = source.text()
        ties[tie] = source.item(names)
    unused = tuple(source.text() for _ in range(source.number()))
    source.finish()
    layout = Layout(
        runtime, exporter, size, tensors, normalizations, values, tuple(places), tuple(digests), ties, unused, forms
    )
    _check_holes(layout)
    return layout


def _check_holes(layout: Layout) -> None:
    end = 0
    for start, next_end in layout.holes:
        if start < end or next_end > layout.size:
            raise ValueError(f"places overlap at byte {start}, or extend past the end of the file")
        end = next_end


def _normalization(source: Reader, names: list[str], tensors: dict[str, tuple[int, ...]]) -> Normalization:
    eps = source.real()
    variance, mean = source.item(names, 1), source.item(names, 1)
    weight, bias = _optional(source, names), _optional(source, names)
    found = Normalization(eps, variance, mean, weight, bias)
    if len(tensors[variance]) != 1 or {tensors[name] for name in found.tensors()} != {tensors[variance]}:
        raise ValueError(f"the normalization of {variance} has tensors of unsuitable shapes")
    return found


def _optional(source: Reader, names: list[str]) -> str | None:
    number = source.number(len(names))
    return names[number - 1] if number else None


def _check_form(name: str, shape: tuple[int, ...], form: tuple[int, ...]) -> None:
    """Check that coefficients are one row and, if they are those of a spectrum, that it has as many entries."""
    if len(shape) != 1:
        raise ValueError(f"the coefficients of {name} have shape {list(shape)}")
    if form[-1] > 0 and (min(form) < 1 or len(form) > RANK or not 0 < shape[0] <= elements(form)):
        raise ValueError(f"{name} cannot have {shape[0]} coefficients of form {list(form)}")


def _value(source: Reader, names: list[str], layout: Layout) -> Value:
    kind = source.item(KINDS)
    if kind is Basis:
        return Basis(_lengths(source))
    if kind is Product:
        product = Product(_lengths(source), source.number(FILE_BYTES), _lengths(source))
        if product.start + rows(product.right) > rows(product.left) or layout.terms(product) > TERMS:
            raise ValueError("a product of bases in its map has unsuitable lengths")
        return product
    if kind is Plain:
        return Plain(source.item(names, 1))
    if kind is Core:
        return _core(source, names, layout)
    tensor = _optional(source, names)
    axis = source.number(RANK) if kind is Scaled else 0
    number = source.number(len(layout.normalizations) - 1)
    channels = layout.tensors[layout.normalizations[number].variance]
    shape = channels if tensor is None else layout.tensors[tensor]
    if tensor in layout.forms or shape[axis : axis + 1] != channels or (kind is Shifted and shape != channels):
        raise ValueError(f"the shape of {tensor} does not suit its normalization")
    return Scaled(tensor, axis, number) if kind is Scaled else Shifted(tensor, number)


def _core(source: Reader, names: list[str], layout: Layout) -> Core:
    tensor = source.item(names, 1)
    form = layout.forms.get(tensor, (0,))
    if form[-1] < 1:
        raise ValueError(f"{tensor} has a core, but it is not a spectrum")
    box = tuple(source.number(FILE_BYTES) for _ in range(source.number(RANK)))
    if box != zigzag.box(form, layout.tensors[tensor][0]):
        raise ValueError(f"the box {list(box)} of {tensor} does not suit its coefficients")
    expanded = tuple(source.number(len(form) - 1) for _ in range(source.number(RANK)))
    core = Core(tensor, box, expanded)
    if list(expanded) != sorted(set(expanded)) or layout.terms(core) > TERMS:
        raise ValueError(f"the axes {list(expanded)} of {tensor} cannot be expanded")
    return core


def _lengths(source: Reader) -> Lengths:
    axes = []
    for _ in range(source.number(RANK)):
        n = source.number(FILE_BYTES)
        r = source.number(n)
        if r == 0:
            raise ValueError(f"a basis in its map has {r} of {n} basis functions")
        axes.append((n, r))
    found = tuple(axes)
    elements((rows(found), columns(found)))
    return found


def _place(source: Reader, end: int, lengths: list[int]) -> Place:
    offset = end + source.number(FILE_BYTES)
    value = source.number(len(lengths) - 1)
    start = source.number(FILE_BYTES)
    axes = tuple((source.number(FILE_BYTES), source.signed(FILE_BYTES)) for _ in range(source.number(RANK)))
    place = Place(offset, value, start, axes)
    if not 0 < place.elements <= FILE_BYTES:
        raise ValueError(f"a place at byte {offset} has {place.elements} elements")
    low, high = place.range
    if low < 0 or high >= lengths[value]:
        raise ValueError(f"a place at byte {offset} uses elements that do not exist")
    return place


def elements(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a tensor.

    Raises:
        ValueError: it exceeds the limit of the format.
    """
    count = 1
    for length in shape:
        count *= length
        if count > FILE_BYTES:
            raise ValueError(f"a tensor of shape {list(shape)} is too large")
    return count
