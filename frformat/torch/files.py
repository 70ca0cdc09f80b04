"""Save state dicts to files, and load them."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import frformat
from frformat import CodedTensor, FrzFile, PerTier
from frformat.checkpoints.precision import overflow
from frformat.checkpoints.regularized import FACTS, Coefficients, Facts, factored, gather
from frformat.checkpoints.torch_tensors import TORCH_DTYPES, to_numpy, to_torch
from frformat.checkpoints.torch_tensors import aliases as tied
from frformat.checkpoints.wrappers import plain_names
from frformat.errors import EncodeError
from frformat.format import limits
from frformat.format.options import Progress, Tiers
from frformat.format.reader import Source
from frformat.spectral.sparse import Sparse
from frformat.spectral.spectrum import Spectrum

StrPath = str | os.PathLike[str]

Stored = Spectrum | CodedTensor | PerTier
"""Types that are stored unchanged."""

LASTING: Final = (dict, OrderedDict)
"""Mappings that keep their tensors alive. Any other mapping may create tensors on each access."""


def save_file(
    tensors: Mapping[str, Tensor | Stored],
    path: StrPath,
    *,
    spectral: bool | Collection[str] = False,
    metadata: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a state dict to a file. An existing file at ``path`` is replaced only once the new one is complete.

    Tensors of any dtype, device, layout and strides are stored losslessly, and copied to the CPU one at a time. Sparse
    tensors are stored as the dense tensors that they represent. Names that share a tensor are stored once and tied
    again by :func:`load_file`; views that overlap only partly are stored separately. A mapping other than a dict can
    create its tensors on access.

    Args:
        tensors: tensors by name, such as ``model.state_dict()``, which may include :class:`frformat.Spectrum`,
            :class:`frformat.CodedTensor` and :class:`frformat.PerTier` objects.
        path: destination.
        spectral: which sparse tensors are DCT spectra, in the form that the authors of Frequency Regularization
            publish: True for all of them, or their names. By default, no tensor is treated as a spectrum.
        metadata: see :func:`frformat.save_file` for this and the following arguments.
        aliases: additional names, besides those that share a tensor.
        format: number format of coefficients.
        tiers: how much of each spectrum the smaller tiers keep.
        compression: the coders to choose from.
        progress: called with a tensor's name and the number of bytes of its values processed since the last call.

    Raises:
        EncodeError: an entry is not a tensor, a dtype has no counterpart in the format, a tensor declared to be a
            spectrum is not one, or an option cannot be satisfied.
        OSError: the file cannot be written.

    Warns:
        UserWarning: wrappers such as DataParallel or torch.compile left prefixes in the names (``module.``,
            ``_orig_mod.``), which are removed.
    """
    _check_names(tensors)
    names, notes = plain_names(tensors)
    for note in notes:
        warnings.warn(f"{os.fspath(path)}: {note}", stacklevel=2)
    layers = {names.get(name, name): each for name, each in factored(tensors).items()}
    if notes:
        tensors = _Renamed(tensors, names)
    if layers or any(FACTS.fullmatch(name) for name in tensors):
        tensors, trained = _with_spectra(tensors, layers)
        format = trained if format == "auto" else format
    save_as_named(
        tensors,
        path,
        spectral=spectral if isinstance(spectral, bool | str) else [names.get(name, name) for name in spectral],
        metadata=metadata,
        aliases=aliases,
        format=format if isinstance(format, str) else {names.get(name, name): each for name, each in format.items()},
        tiers={names.get(name, name): each for name, each in tiers.items()} if isinstance(tiers, Mapping) else tiers,
        compression=compression,
        progress=progress,
    )


def save_as_named(
    tensors: Mapping[str, Tensor | Stored],
    path: StrPath,
    *,
    spectral: bool | Collection[str] = False,
    aliases: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Save tensors like :func:`save_file`, but with the names exactly as given."""
    arrays = _Arrays(tensors, spectral)
    all_aliases = {**arrays.aliases(), **(aliases or {})}
    arrays.leave_out(all_aliases)
    frformat.save_file(arrays, path, aliases=all_aliases, **options)


def load_file(
    path: StrPath,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> dict[str, Tensor]:
    """Load all tensors of a model. Names that were tied share one tensor again.

    Args:
        path: the file.
        tier: decode at this capacity tier; None means the largest that is present.
        memory_budget: bytes that the tensors and working memory may take, in the memory of the CPU.
        base: the base of a delta file; see :func:`frformat.open`.
        device: device to move the tensors to, one at a time.
        dtype: type of floating-point tensors; None keeps that of the file.

    Raises:
        FrzError: the file is not valid, the tier is not present, the base is missing or is a different file, or more
            memory is needed than allowed.
        ValueError: values are too large for ``dtype``.
        OSError: the file cannot be read.
    """
    with frformat.open(path, tier=tier, memory_budget=memory_budget, base=base) as file:
        if dtype is not None:
            file.set_memory_budget(memory_budget - _growth(file, dtype))
        arrays, aliases = file.load(), file.aliases
    for alias in aliases:
        del arrays[alias]
    moved: dict[str, Tensor] = {}
    for name in list(arrays):
        tensor = to_torch(arrays.pop(name))
        wanted = dtype if dtype is not None and tensor.dtype.is_floating_point else tensor.dtype
        fault = overflow(tensor, wanted)
        if fault:
            raise ValueError(f"{os.fspath(path)}: tensor {name!r}: {fault}")
        moved[name] = tensor.to(device, wanted)
    return moved | {alias: moved[name] for alias, name in aliases.items()}


def _growth(file: FrzFile, dtype: torch.dtype) -> int:
    """Return how many bytes casting a file's floats to a type takes in addition, one tensor at a time."""
    infos = [file.info(name) for name in file if name not in file.aliases]
    types = {info.name: TORCH_DTYPES[info.dtype] for info in infos}
    floats = [info for info in infos if types[info.name].is_floating_point and types[info.name] != dtype]
    cast = [info.elements * dtype.itemsize for info in floats]
    return max(0, sum(cast) - sum(info.nbytes for info in floats)) + max(cast, default=0)


def _with_spectra(tensors: Mapping[str, Any], layers: Mapping[str, Facts]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a regularized model's state dict in the plain model's form, and the formats for which it was trained."""
    gathered, _ = gather(tensors, layers)
    held = {name: value for name, value in gathered.items() if isinstance(value, Coefficients)}
    ties = tied({name: value.tensor for name, value in held.items()})
    spectra: dict[str, Spectrum] = {}
    for name, value in held.items():
        try:
            spectra[name] = spectra[ties[name]] if name in ties else value.spectrum()
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error
    formats = {name: value.facts.format for name, value in held.items() if value.facts.format is not None}
    return {name: spectra.get(name, value) for name, value in gathered.items()}, formats


def _check_names(tensors: object) -> None:
    """Check that the tensors to be stored have names."""
    if not isinstance(tensors, Mapping):
        raise EncodeError(
            f"an object of type {type(tensors).__name__} is not a state dict: pass tensors by name, one state dict "
            "at a time"
        )
    for name in tensors:
        if not isinstance(name, str):
            raise EncodeError(f"a tensor's name must be a string, not {name!r} of type {type(name).__name__}")


class _Renamed(Mapping[str, Tensor | Stored]):
    """A view of tensors under other names."""

    def __init__(self, tensors: Mapping[str, Tensor | Stored], names: Mapping[str, str]) -> None:
        self._tensors, self._own = tensors, {plain: name for name, plain in names.items()}

    def __getitem__(self, name: str) -> Tensor | Stored:
        return self._tensors[self._own[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


class _Arrays(Mapping[str, NDArray[Any] | Stored]):
    """The input of :func:`frformat.save_file`, converted one tensor at a time."""

    def __init__(self, tensors: Mapping[str, Tensor | Stored], spectral: bool | Collection[str]) -> None:
        self._tensors, self._spectral = tensors, spectral
        self._names = list(tensors)
        self._lasting = type(tensors) in LASTING
        if not isinstance(spectral, bool):
            missing = [name for name in spectral if name not in tensors]
            if isinstance(spectral, str) or missing:
                raise EncodeError(f"spectral={spectral!r} is neither True nor a list of names of given tensors")

    def aliases(self) -> dict[str, str]:
        """Return the names that share a tensor with an earlier name."""
        found = tied(self._tensors)
        if self._lasting:
            return found
        # If a mapping refills one buffer on each access, only the contents show whether two tensors are the same.
        return {name: target for name, target in found.items() if self._same(name, target)}

    def leave_out(self, names: Collection[str]) -> None:
        """Omit the tensors with these names from now on."""
        self._names = [name for name in self._names if name not in names]

    def __getitem__(self, name: str) -> NDArray[Any] | Stored:
        value: object = self._tensors[name]
        if isinstance(value, Stored):
            return value
        if not isinstance(value, Tensor):
            raise EncodeError(
                f"entry {name!r} is of type {type(value).__name__}; remove everything that is not a tensor or Spectrum"
            )
        spectral = self._spectral if isinstance(self._spectral, bool) else name in self._spectral
        try:
            array = to_numpy(value)
            if isinstance(array, Sparse):
                return array.spectrum() if spectral else array.dense()
            if spectral and not isinstance(self._spectral, bool):
                raise EncodeError("a dense tensor cannot be a spectrum; pass a Spectrum or a sparse tensor")
            return array if self._lasting else array.copy()
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error
        except MemoryError as error:
            shape = list(value.shape)
            raise EncodeError(
                f"tensor {name!r}: it is sparse, and a dense tensor of shape {shape} needs too much memory"
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _same(self, name: str, other: str) -> bool:
        one, two = self[name], self[other]
        if isinstance(one, Stored) or isinstance(two, Stored):
            return one is two
        return bool(np.array_equal(_bytes(one), _bytes(two)))


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
