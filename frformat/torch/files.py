"""State dicts ↔ files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

import frformat
from frformat.checkpoints.torch_tensors import aliases as tied
from frformat.checkpoints.torch_tensors import to_numpy, to_torch
from frformat.errors import EncodeError
from frformat.format import limits
from frformat.format.writer import Progress, Tiers
from frformat.spectral.sparse import Sparse
from frformat.spectral.spectrum import Spectrum

StrPath = str | os.PathLike[str]


def save_file(
    tensors: Mapping[str, Tensor | Spectrum],
    path: StrPath,
    *,
    metadata: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a state dict to a file. It replaces an older one of that name only when it is whole.

    Dense tensors of any dtype, device and strides are stored losslessly, one copied to the CPU at a time. Sparse
    tensors are taken for DCT spectra, as Frequency Regularization publishes them. Names that share a tensor are
    stored once and tied again by :func:`load_file`; views that overlap only in part are stored one by one.

    Args:
        tensors: tensors and :class:`frformat.Spectrum` objects by name, such as ``model.state_dict()``.
        path: where to.
        metadata: see :func:`frformat.save_file`, as for the following.
        aliases: further names, beside those that share a tensor.
        format: number format of coefficients.
        tiers: what smaller tiers keep of each spectrum.
        compression: which coders to choose from.
        progress: called with a tensor's name and how many of its bytes are done.

    Raises:
        EncodeError: an entry is no tensor, a dtype has no counterpart in the format, a sparse tensor is no spectrum,
            or an option cannot be met.
        OSError: the file cannot be written.
    """
    all_aliases = {**tied(tensors), **(aliases or {})}
    frformat.save_file(
        _Arrays({name: tensor for name, tensor in tensors.items() if name not in all_aliases}),
        path,
        metadata=metadata,
        aliases=all_aliases,
        format=format,
        tiers=tiers,
        compression=compression,
        progress=progress,
    )


def load_file(
    path: StrPath,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """Load all tensors of a model; names that were tied share one tensor again.

    Args:
        path: the file.
        tier: decode at this capacity tier; None for the largest that is present.
        memory_budget: bytes that the tensors and working memory may take.
        device: where the tensors go, one after the other.

    Raises:
        FrzError: the file is not valid, does not hold the tier, or needs more memory than allowed.
        OSError: the file cannot be read.
    """
    with frformat.open(path, tier=tier, memory_budget=memory_budget) as file:
        arrays = file.load()
    moved: dict[int, Tensor] = {}
    for array in arrays.values():
        if id(array) not in moved:
            moved[id(array)] = to_torch(array).to(device)
    return {name: moved[id(array)] for name, array in arrays.items()}


class _Arrays(Mapping[str, NDArray[Any] | Spectrum]):
    """What :func:`frformat.save_file` takes, converted one tensor at a time."""

    def __init__(self, tensors: Mapping[str, Tensor | Spectrum]) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> NDArray[Any] | Spectrum:
        value: object = self._tensors[name]
        if isinstance(value, Spectrum):
            return value
        if not isinstance(value, Tensor):
            raise EncodeError(
                f"entry {name!r} is of type {type(value).__name__}; take out what is no tensor or Spectrum"
            )
        try:
            array = to_numpy(value)
            return array.spectrum() if isinstance(array, Sparse) else array
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
