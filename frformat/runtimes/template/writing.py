"""Write models as templates or complete files, for runtimes that accept weights only as part of a model file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import starmap
from typing import Any, Final, NamedTuple

import torch
from torch import nn

from frformat.format.atomic import replacing
from frformat.runtimes.copies import contract, state
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import quietly, reason
from frformat.runtimes.template.files import literal, pack
from frformat.runtimes.template.layout import Basis, Layout, Normalization, Product, Value
from frformat.runtimes.template.merging import Merged, merged
from frformat.runtimes.template.places import SERIES, find, numbered
from frformat.runtimes.template.values import computed
from frformat.runtimes.written import Export
from frformat.wording import listed

SHOWN: Final = 8
"""Maximum number of tensors to list in a message."""

Convert = Callable[[nn.Module, tuple[Any, ...]], bytes]


class Exporter(NamedTuple):
    """Another project's exporter.

    Attributes:
        runtime: the runtime, such as ``LiteRT``.
        version: name and version of the exporter.
        convert: exports a traced model, given all inputs. Two exports of models that differ only in their weights must
            differ only where the file contains weights.
    """

    runtime: str
    version: str
    convert: Convert


def write(
    model: nn.Module, path: str, exporter: Exporter, *, example: tuple[Any, ...] | None, with_weights: bool
) -> Export:
    """Write a template, or the complete file.

    Args:
        model: a result of :func:`frformat.runtimes.copies.plain`.
        path: destination.
        exporter: the exporter of the runtime.
        example: all inputs, whose sizes become fixed.
        with_weights: whether to write the complete file.

    Raises:
        ExportError: the model cannot be exported. The message says why.
        OSError: the file cannot be written.
    """
    if example is None:
        raise ExportError(f"{exporter.runtime} needs a trace; pass an example input (on the command line, --example)")
    whole = contract(model)
    found = merged(model, example, whole)
    normalized = [name for each in found.normalizations for name in each.tensors()]
    tensors = list(dict.fromkeys([*[v.tensor for v in found.values if v.tensor is not None], *normalized]))
    _require_f32(model, tensors)
    layout = Layout(
        runtime=exporter.runtime,
        exporter=exporter.version,
        size=0,
        tensors={name: whole.wanted[name].shape for name in tensors},
        normalizations=tuple(found.normalizations),
        values=tuple(found.values),
        places=(),
        ties={tie: name for tie, name in whole.ties.items() if name in tensors},
        unused=tuple(name for name in [*whole.wanted, *whole.ties] if whole.ties.get(name, name) not in tensors),
        forms={name: whole.wanted[name].form for name in tensors if whole.wanted[name].form},
    )
    if with_weights:
        weights = state(model)
        for number, value in enumerate(found.values):
            array = computed(value, layout, lambda name: weights[name].detach().cpu().numpy())
            found.set(number, torch.from_numpy(array))
        data = _converted(model, found, exporter, example)
    else:
        lengths = [math.prod(layout.shape(value)) for value in layout.values]
        files = []
        for series in SERIES:
            for number, array in enumerate(numbered(lengths, series)):
                found.set(number, torch.from_numpy(array))
            files.append(_converted(model, found, exporter, example))
        used = list(starmap(found.used, enumerate(lengths)))
        places, digests, lost = find(files, lengths, used)
        if lost:
            raise ExportError(_lost(model, exporter, [found.values[number] for number in lost], found.normalizations))
        layout = replace(layout, size=len(files[0]), places=tuple(places), digests=tuple(digests))
        data = pack(layout, literal(files[0], layout))
    with replacing(path) as file:
        file.write(data)
    targets = [node.target for node in found.module.graph.nodes if node.op == "call_function"]
    return Export(
        path=path,
        bytes=len(data),
        runtime=exporter.runtime,
        release=None,
        tensors=list(state(model)),
        coefficients=list(layout.forms),
        operators=sorted({str(target) for target in targets}),
    )


def _require_f32(model: nn.Module, tensors: list[str]) -> None:
    weights = state(model)
    for name in tensors:
        if weights[name].dtype != torch.float32:
            raise ExportError(
                f"{name} has dtype {weights[name].dtype}; templates accept only torch.float32: convert it"
            )


def _converted(model: nn.Module, found: Merged, exporter: Exporter, example: tuple[Any, ...]) -> bytes:
    try:
        with quietly(), torch.no_grad():
            return exporter.convert(found.module, example)
    except ExportError:
        raise
    except Exception as error:  # the exporter can raise anything
        raise ExportError(
            f"{type(model).__name__} cannot be exported for {exporter.runtime}: {reason(error)}"
        ) from error


def _lost(model: nn.Module, exporter: Exporter, values: list[Value], normalizations: list[Normalization]) -> str:
    names = list(dict.fromkeys(_name(value, normalizations) for value in values))
    return (
        f"{type(model).__name__} cannot be exported without its weights: {exporter.version} changes "
        f"{listed(names, SHOWN)}; use the weight unchanged in forward"
    )


def _name(value: Value, normalizations: list[Normalization]) -> str:
    if isinstance(value, Basis | Product):
        axes = value.axes if isinstance(value, Basis) else value.right
        return f"a basis of {' × '.join(str(n) for n, _ in axes)} channels"
    return value.tensor or normalizations[value.normalization].variance  # type: ignore[union-attr]
