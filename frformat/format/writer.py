"""Write files: gather tensors into groups, code them into segments, and write the file atomically.

Tensors are processed one at a time. Large ones are coded into a temporary file right away and released. Small ones are
gathered with similar ones and coded when their group is full. The directory comes first in the file, but is built last.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import EncodeError, FrzError
from frformat.format import container
from frformat.format.atomic import closing, replacing
from frformat.format.differences import Base
from frformat.format.directory import Directory, Group
from frformat.format.factors import Factors
from frformat.format.grouping import WHOLE, Pending, pending
from frformat.format.options import Formats, Options, Progress, Tiers
from frformat.format.per_tier import PerTier
from frformat.format.reader import FrzFile, Source, opened
from frformat.format.spool import SHARED_VALUES, Spool
from frformat.format.tensor import CodedTensor
from frformat.spectral.spectrum import Spectrum

Array = NDArray[Any]
StrPath = str | os.PathLike[str]
Tensor = Array | Spectrum | CodedTensor | PerTier
Tensors = Mapping[str, Tensor]


def save_file(
    tensors: Tensors,
    path: StrPath,
    *,
    metadata: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    format: Formats = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    progress: Progress | None = None,
    base: Source | FrzFile | None = None,
) -> None:
    """Write a file. An existing file at ``path`` is replaced only once the new one is complete.

    Args:
        tensors: by name: arrays (stored losslessly), :class:`Spectrum` objects, :class:`CodedTensor` objects and
            :class:`PerTier` objects. Values are read one at a time, so a mapping that loads them on demand keeps
            memory use low. In a ``dict``, an object that several names share is stored once.
        path: destination.
        metadata: a flat map of strings, for people and tools.
        aliases: additional names for tensors, ``{name: target}`` (tied weights).
        format: number format of the coefficients of spectra, for all or by tensor name: ``auto`` (the narrowest
            lossless one of f16, bf16, f32 and integers with a step), ``f32``, ``f16``, ``bf16``, ``qN`` (integers of N
            bits, 2 to 32, with one step per tensor), or ``step=S`` (integers with the largest representable step that
            is at most S).
        tiers: the part of every core that each smaller tier keeps, in ascending order: for spectra, a number of
            coefficients (int) or a share below 1 (float); for other tensors, a corner (tuple). The last tier always
            keeps everything. A mapping sets this by tensor name, with the same number of tiers for each; tensors that
            it does not name are complete in every tier. Numbers and shares have no effect on other tensors than
            spectra, so at least one tensor must be a spectrum, or each tensor in the mapping.
        compression: ``auto`` (smallest), ``core`` (smallest that needs no zstd to read), ``fast`` (a few percent
            larger, but large tensors are read several times faster), or a coder: ``none``, ``deflate``, ``zstd``,
            ``adaptive``, ``static``. Integers with a step are always coded by one of the last two. Values that do not
            get smaller are stored uncompressed.
        progress: called with a tensor's name and the number of bytes of its values processed since the last call.
        base: an older version of the file, with one tier. Only the difference from it is written: a *delta file*, which
            can be read only together with the base. Unchanged tensors take almost no space. Changed ones take less if
            they have the same steps as in the base; see :meth:`CodedTensor.like`.

    Raises:
        EncodeError: an input or option cannot be encoded, or one applies to none of the tensors.
        FrzError: the base is not valid.
        OSError: the file cannot be written, or the base cannot be read.
    """
    options = Options.of(metadata, aliases, format, tiers, compression, progress)
    folder = os.path.dirname(os.path.realpath(path))
    with opened(base) as held, replacing(path) as file, closing(tempfile.TemporaryFile(dir=folder)) as spool:
        if held is not None and held.is_at(path):
            raise EncodeError(
                "a delta file cannot replace its base, without which it cannot be read: write another file"
            )
        _Writer(options, spool, held).write(tensors, file)


def save(
    tensors: Tensors,
    *,
    metadata: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    format: Formats = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    base: Source | FrzFile | None = None,
) -> bytes:
    """Return the bytes of a file. Arguments and errors are those of :func:`save_file`."""
    file = io.BytesIO()
    with opened(base) as held:
        _Writer(Options.of(metadata, aliases, format, tiers, compression), io.BytesIO(), held).write(tensors, file)
    return file.getvalue()


class _Open:
    """A group that is still being gathered and has not been coded."""

    def __init__(self) -> None:
        self.parts: list[Pending] = []
        self.count = 0
        self.coded: tuple[int, Group] | None = None


class _Writer:
    def __init__(self, options: Options, spool: IO[bytes], base: FrzFile | None) -> None:
        if base is not None and options.smaller:
            raise EncodeError("a delta file has one tier: leave out the base or the tiers")
        self._options = options
        self._base = Base(base) if base is not None else None
        self._spool = Spool(spool, options.coders, options.smaller + 1, fast=options.fast)
        self._aliases = dict(options.aliases)
        self._factors = Factors(options.smaller + 1)
        self._groups: list[_Open] = []
        self._open: dict[object, _Open] = {}
        self._names: dict[int, str] = {}
        self._spectra = False  # whether any tensor so far is a spectrum
        self._complete = True  # whether all tensors so far are complete in every tier

    def write(self, tensors: Tensors, file: IO[bytes]) -> None:
        """Process all tensors, and write the file."""
        if not isinstance(tensors, Mapping):
            raise EncodeError(f"tensors must be a mapping from names to tensors, not of type {type(tensors).__name__}")
        for name in tensors:
            if not isinstance(name, str):
                raise EncodeError(f"a tensor's name must be a string, not {name!r}")
            tensor = tensors[name]
            # A plain dict keeps its values alive, so ids stay unique.
            if type(tensors) is dict and self._is_tied(name, tensor):
                continue
            try:
                self._add(name, tensor)
            except EncodeError as error:
                raise EncodeError(f"tensor {name!r}: {error}") from error
            del tensor  # before the next one is loaded
        self._check_names(tensors)
        self._check_use(tensors)
        for group in self._groups:
            self._code(group)
        factors = [self._spool.add(parts) for parts in self._factors.groups(SHARED_VALUES)]
        coded = [*factors, *(group.coded for group in self._groups if group.coded is not None)]
        coded = [(number, self._factors.numbered(held)) for number, held in coded]
        groups = [held for _, held in coded]
        digest = self._base.sha256 if self._base is not None and any(group.delta for group in groups) else None
        contents = Directory(groups, self._options.metadata, self._aliases, self._options.smaller + 1, digest)
        file.write(_head(contents))
        for tier in range(contents.tiers):
            for number, held in coded:
                self._spool.copy(number, held, tier, file)

    def _check_names(self, names: Iterable[str]) -> None:
        """Check that options by name belong to tensors of the file."""
        for option, given in (("format", self._options.formats), ("tiers", self._options.tiers)):
            unknown = sorted(set(given).difference(names, self._aliases)) if isinstance(given, Mapping) else []
            if unknown:
                raise EncodeError(f"{option}: no tensor of the file is called {unknown[0]!r}")

    def _check_use(self, tensors: Tensors) -> None:
        """Check that a format and tiers for all spectra apply to at least one tensor."""
        wanted = self._options.formats
        if not self._spectra and tensors and isinstance(wanted, str) and wanted != "auto":
            raise EncodeError(
                f"format {wanted!r} applies to spectra, but there are none: CodedTensor.of_array rounds an array"
            )
        if self._complete and tensors and self._options.smaller:
            raise EncodeError(
                f"tiers {self._options.tiers!r} apply to spectra, but there are none, so all tiers would be equal"
            )

    def _is_tied(self, name: str, tensor: Tensor) -> bool:
        """Return whether the same object has already been stored in the same way; if so, record an alias."""
        known = self._names.setdefault(id(tensor), name)
        if known == name or self._way(known) != self._way(name):
            return False
        self._aliases.setdefault(name, known)
        return True

    def _way(self, name: str) -> tuple[object, ...]:
        """Return the options that apply to a tensor."""
        return self._options.format(name), tuple(self._options.cuts(name))

    def _add(self, name: str, tensor: Tensor) -> None:
        """Code a large tensor, or gather a small one."""
        self._spectra = self._spectra or isinstance(tensor, Spectrum)
        if isinstance(tensor, Spectrum):
            tensor = CodedTensor.of_spectrum(tensor, self._options.format(name))
        elif not isinstance(tensor, CodedTensor | PerTier):
            tensor = CodedTensor.of_array(_array(tensor), "auto")
        cuts = self._options.cuts(name)
        part = pending(name, tensor, cuts, self._factors.numbers(tensor))
        complete = part.likeness.extent == WHOLE
        if complete and cuts and isinstance(self._options.tiers, Mapping) and name in self._options.tiers:
            raise EncodeError(f"tiers {list(cuts)!r} apply to spectra; of any other tensor, a tier keeps a corner")
        self._complete = self._complete and complete
        self._factors.use(part)
        if self._base is not None:
            part = self._base.difference(part)
        count = part.count
        if count > SHARED_VALUES:
            group = _Open()
            self._groups.append(group)
            group.coded = self._spool.add([part], lambda done: self._options.progress(name, done))
            return
        group = self._open.get(part.likeness) or _Open()
        if group.count + count > SHARED_VALUES:
            self._code(group)
            group = _Open()
        if not group.parts:
            self._open[part.likeness] = group
            self._groups.append(group)
        group.parts.append(part)
        group.count += count
        self._options.progress(name, part.nbytes)

    def _code(self, group: _Open) -> None:
        if group.coded is None:
            group.coded = self._spool.add(group.parts)
            group.parts = []


def _array(value: Any) -> Array:
    """Convert a value to an array; a masked one stays masked, so that it is refused."""
    try:
        return np.asanyarray(value)
    except Exception as error:  # objects of other libraries can raise anything, such as PyTorch's tensors
        kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        advice = "use frformat.torch.save_file" if kind.startswith("torch.") else "convert it to a NumPy array"
        raise EncodeError(f"a value of type {kind} is not an array ({error}): {advice}") from error


def _head(contents: Directory) -> bytes:
    """Return the bytes before the segments. Names, limits and aliases are checked by the reader's rules."""
    try:
        return container.head(contents)
    except UnicodeEncodeError as error:
        raise EncodeError(f"{error.object!r} is not valid Unicode, so it can be neither a name nor metadata") from error
    except FrzError as error:
        where = f"tensor {error.tensor!r}: " if error.tensor is not None else ""
        raise EncodeError(f"{where}{error.reason}") from error
