"""Report the outcome for each tensor."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import frformat
from frformat import CodedTensor
from frformat.torch.compression.contents import Contents, coded_bytes
from frformat.torch.compression.quantizing import Integers


@dataclass(frozen=True)
class LayerReport:
    """The outcome for one tensor of the file.

    Attributes:
        name: name of the tensor.
        shape: shape of the tensor.
        coding: ``integers``, ``integers, dct`` (after a DCT along the kernel axes), a number format, ``spectrum``, or
            ``exact``.
        bits: bits per element.
        share: share of the bytes of all tensors.
        loss: share of the expected loss from rounding; 0 for tensors without a plan.
    """

    name: str
    shape: tuple[int, ...]
    coding: str
    bits: float
    share: float
    loss: float


def layers(contents: Contents, found: Mapping[str, Integers], data: bytes) -> list[LayerReport]:
    """Return the outcome for each tensor.

    Args:
        contents: the tensors.
        found: the integers of the quantized tensors.
        data: the file. The bytes of tensors that are coded together are divided among them in proportion to the sizes
            that they would have if coded separately.
    """
    stored = contents.tensors(found)
    costs = {contents.file_name(name): max(each.cost, 0.0) for name, each in found.items()}
    total = sum(costs.values()) or 1.0
    with frformat.open(io.BytesIO(data)) as file:
        infos = {name: file.info(name) for name in stored}
        sizes = [float(group.sizes.sum()) for group in file.container.directory.groups]
    alone = {name: float(_alone(value)) for name, value in stored.items()}
    together = np.zeros(len(sizes))
    for name, info in infos.items():
        together[info.group] += alone[name]
    out = []
    for name, info in infos.items():
        size = sizes[info.group] * alone[name] / max(together[info.group], 1e-9)
        bits = 8 * size / max(info.elements, 1)
        share, loss = size / max(sum(sizes), 1e-9), costs.get(name, 0.0) / total
        out.append(LayerReport(name, info.shape, _coding(info), float(bits), float(share), loss))
    return out


def _alone(value: Any) -> int:
    return coded_bytes(value) if isinstance(value, CodedTensor) else max(1, len(frformat.save({"tensor": value})) - 60)


def _coding(info: frformat.TensorInfo) -> str:
    if info.spectral:
        return "spectrum"
    if info.step is None:
        return info.format or "exact"
    return "integers, dct" if "dct" in info.bases else "integers"
