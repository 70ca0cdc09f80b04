"""Read files: :func:`open` reads only the directory; tensors are decoded on request."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format import container, delta, limits, tables
from frformat.format.container import Container
from frformat.format.contents import Contents
from frformat.format.index import Index
from frformat.format.info import TensorInfo, describe
from frformat.format.sharing import FileObject, Lock, shared
from frformat.format.tensor import CodedTensor
from frformat.spectral.spectrum import Spectrum
from frformat.wording import count, similar

Array = NDArray[Any]
StrPath = str | os.PathLike[str]
Source = StrPath | bytes | IO[bytes]


class FrzFile:
    """An open file. Use it as a context manager, or call :meth:`close`. Several threads can read it at once.

    A process forked later can read it, too, unless it was opened from a file object: forked processes share the
    position of such an object.

    Iteration yields the names of all tensors in file order, aliases last. ``f[name]`` rebuilds one tensor at the open
    tier.

    Attributes:
        container: header, directory and extents.
        metadata: the file's metadata, a flat map of strings.
        tiers: number of tiers in the complete file.
        tiers_present: number of tiers that are present.
        tier: the tier at which tensors are decoded.
        contents: the content of its segments at that tier.
    """

    def __init__(
        self,
        file: IO[bytes],
        path: str | None,
        tier: int | None,
        memory_budget: int,
        base: Source | FrzFile | None = None,
    ) -> None:
        self._file = file
        self._lock = Lock()
        self._path = path
        with self._located():
            self.container: Container = container.read(file, memory_budget)
            self.metadata: dict[str, str] = self.container.directory.metadata
            self.tiers: int = self.container.directory.tiers
            self.tiers_present: int = self.container.present
            self.tier: int = self.tiers_present - 1 if tier is None else tier
            if not 0 <= self.tier < self.tiers_present:
                raise self._absent(tier)
        self._groups = self.container.directory.groups
        self._index = Index(self.container.directory)
        self._budget = memory_budget
        with ExitStack() as stack:
            self._base = self._based(base, stack)
            self.contents: Contents = self._at(self.tier)
            self._own_base = stack.pop_all()

    def __enter__(self) -> FrzFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "an open FrzFile cannot be copied or pickled: open the file again, in each process that reads it"
        )

    def is_at(self, path: StrPath) -> bool:
        """Return whether this file was opened by its path, and is the one at ``path``."""
        own = self._path
        return own is not None and os.path.exists(path) and os.path.realpath(path) == os.path.realpath(own)

    def close(self) -> None:
        """Close the file, and its base unless that was given as a :class:`FrzFile`, once other threads have read."""
        with self._own_base, self._lock.held:
            self._file.close()

    def close_base(self) -> None:
        """Close the base unless it was given as a :class:`FrzFile`. Tensors that need it can no longer be decoded."""
        self._own_base.close()

    def set_memory_budget(self, memory_budget: int) -> None:
        """Change the memory budget of later requests, for example to what a caller's own buffers leave of it."""
        self._budget = memory_budget
        self.contents = self._at(self.tier)

    def sha256(self) -> bytes:
        """Return the SHA-256 digest of the whole file, by which a delta file identifies its base."""
        with self._lock.held:
            return delta.sha256(self._file)

    def __iter__(self) -> Iterator[str]:
        yield from self._index.names()
        yield from self.container.directory.aliases

    def __len__(self) -> int:
        return len(self._index) + len(self.container.directory.aliases)

    def __contains__(self, name: object) -> bool:
        return name in self._index or name in self.container.directory.aliases

    def __repr__(self) -> str:
        where = "bytes" if self._path is None else self._path
        tiers = f", tier {self.tier} of {self.tiers}" if self.tiers > 1 else ""
        return (
            f"<FrzFile {where}: {count(len(self), 'tensor')}{tiers}, {count(self.container.ends[self.tier], 'byte')}>"
        )

    def _repr_html_(self) -> str:
        """Return the tensors as a table, in a notebook."""
        return tables.listing(map(self.info, self), len(self), repr(self)[1:-1])

    def keys(self) -> list[str]:
        """Return the names of all tensors, aliases last."""
        return list(self)

    @property
    def aliases(self) -> dict[str, str]:
        """Additional names of tensors, each with the name under which its tensor is stored."""
        return dict(self.container.directory.aliases)

    def info(self, name: str) -> TensorInfo:
        """Return the directory's description of a tensor, without reading its segments.

        Raises:
            FrzError: ``NOT_FOUND``.
        """
        return describe(self.container.directory, name, *self._find(name))

    def factor_info(self, number: int) -> TensorInfo:
        """Return the directory's description of a factor; its name is empty."""
        return describe(self.container.directory, "", *self._index.factor(number))

    @property
    def factors(self) -> int:
        """Number of factors, the matrices that ``stored`` axes use."""
        return self._index.factors

    def factor(self, number: int) -> CodedTensor:
        """Return a factor as the file stores it, at the open tier.

        Raises:
            FrzError: ``NOT_FOUND``, or an error of :meth:`stored`.
        """
        if not 0 <= number < self.factors:
            raise FrzError("NOT_FOUND", f"there is no factor {number}", path=self._path)
        with self._located():
            return self.contents.stored(*self._index.factor(number))

    def __getitem__(self, name: str) -> Array:
        """Rebuild one tensor into a new array of its shape and dtype.

        Raises:
            FrzError: ``NOT_FOUND`` or ``BUDGET``, or its segment is damaged or malformed.
        """
        group, index = self._find(name)
        with self._located(name):
            return self.contents.rebuilt(group, index)

    def stored(self, name: str, *, tier: int | None = None) -> CodedTensor:
        """Return a tensor in its stored form, without rebuilding it.

        Args:
            name: its name.
            tier: the tier whose version of the tensor to return; None means the open tier.

        Raises:
            FrzError: ``NOT_FOUND`` or ``TIER``, or an error of rebuilding.
        """
        group, index = self._find(name)
        with self._located(name):
            if tier is not None and not 0 <= tier < self.tiers_present:
                raise self._absent(tier)
            contents = self.contents if tier in (None, self.tier) else self._at(tier)
            return contents.stored(group, index)

    def spectrum(self, name: str) -> Spectrum:
        """Return the coefficients of a tensor stored as a DCT zigzag prefix, without rebuilding it.

        Raises:
            FrzError: ``NOT_FOUND`` (even if the tensor exists, but not as such a prefix), or an error of rebuilding.
        """
        if not self.info(name).spectral:
            raise FrzError("NOT_FOUND", "it is not stored as a spectrum", path=self._path, tensor=name)
        stored = self.stored(name)
        with self._located(name):
            stored.check_values(finite=True)
        found = stored.spectrum()
        assert found is not None
        return found

    def coefficients(self, name: str) -> NDArray[np.float32]:
        """Return, as one vector, the numbers from which a network can compute its outputs without the rebuilt tensor.

        For a spectrum, they are its coefficients in zigzag order. For a core with factors, they are the core, in
        row-major order, and then the factor (rank, length) of each axis that has one. :meth:`TensorInfo.form` describes
        this form.

        Raises:
            FrzError: ``NOT_FOUND`` (even if the tensor exists, but in neither form), or an error of rebuilding.
        """
        info = self.info(name)
        if info.spectral:
            return self.spectrum(name).coefficients
        if not info.form(self.tier):
            raise FrzError("NOT_FOUND", "it has neither a spectrum nor factors", path=self._path, tensor=name)
        stored = self.stored(name)
        with self._located(name):
            stored.check_values(finite=True)
            parts = [stored.canonical()]
            for axis, length, rank in zip(stored.axes, stored.shape, stored.corner, strict=True):
                if isinstance(axis.argument, CodedTensor):
                    parts.append(axis.argument.canonical()[:rank, :length])
        return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32, copy=False)

    def load(self) -> dict[str, Array]:
        """Rebuild all tensors; aliases are the same array as their target.

        Raises:
            FrzError: see :meth:`__getitem__`; the memory budget applies to all tensors together.
        """
        out: dict[str, Array] = {}
        held, name = 0, None
        try:
            self.contents.require_base(self._groups)
            self.contents.afford(self._index.nbytes())
            for group_index, group in enumerate(self._groups):
                tensors = self.contents.all_rebuilt(group_index, held)
                for name in group.names:
                    out[name] = tensor = next(tensors)
                    held += tensor.nbytes
        except FrzError as error:
            self._locate(error, name)
            raise
        for name, target in self.container.directory.aliases.items():
            out[name] = out[target]
        return out

    def verify(self) -> None:
        """Check the checksum, stream and values of every segment that is present, without rebuilding any tensor.

        Raises:
            FrzError: a segment is damaged or malformed, or (``BASE``) the base was not given.
        """
        with self._located():
            self.contents.require_base(self._groups)
        for group_index, group in enumerate(self._groups):
            for tier in range(self.tiers_present) if group.per_tier else (self.tiers_present - 1,):
                with self._located():
                    tensors = self.contents.verified(group_index, tier)
                for index in range(group.tensors):
                    with self._located(group.names[index] if group.names else None):
                        next(tensors)

    def _at(self, tier: int | None) -> Contents:
        """Return the file's contents at a tier."""
        chosen = self.tier if tier is None else tier
        base = self._base.contents if self._base is not None else None
        return Contents(self._file, self._lock, self.container, self._index, chosen, self._budget, base)

    def _based(self, given: Source | FrzFile | None, stack: ExitStack) -> FrzFile | None:
        """Return the given base after checking that it fits, or None if the file needs none.

        Args:
            given: the base.
            stack: closes the base if it is opened here.
        """
        directory = self.container.directory
        if given is None or directory.base is None:
            return None
        with self._located():
            base = given if isinstance(given, FrzFile) else stack.enter_context(self._open_base(given))
            delta.check(directory, base.container.directory, base.sha256())
        return base

    def _open_base(self, base: Source) -> FrzFile:
        try:
            return open(base, memory_budget=self._budget)
        except FrzError as error:
            raise FrzError("BASE", f"the base cannot be used: {error}") from error

    def _absent(self, tier: int | None) -> FrzError:
        """Return the error for a tier that is not present."""
        present = f"tiers 0 to {self.tiers_present - 1} are" if self.tiers_present > 1 else "tier 0 is"
        return FrzError("TIER", f"tier {tier} of {self.tiers} was requested, but only {present} present")

    def _find(self, name: str) -> tuple[int, int]:
        """Return the group of a tensor and its index in it."""
        found = self._index.find(self.container.directory.aliases.get(name, name))
        if found is None:
            like = similar(name, self)
            hint = f"did you mean {like!r}?" if like else "`frformat dump` lists all names"
            reason = f"no tensor has this name; {hint}"
            raise FrzError("NOT_FOUND", reason, path=self._path, tensor=name)
        return found

    @contextmanager
    def _located(self, tensor: str | None = None) -> Iterator[None]:
        """Add the file and the tensor to errors raised in the block."""
        try:
            yield
        except FrzError as error:
            self._locate(error, tensor)
            raise

    def _locate(self, error: FrzError, tensor: str | None) -> None:
        error.path = self._path
        error.tensor = error.tensor if error.tensor is not None else tensor


def open(
    source: Source,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> FrzFile:
    """Open a file and read its directory. Tensors are decoded on request.

    A file that is open can be replaced by renaming another one, as ``save_file`` does; it must not be written to in
    place.

    Args:
        source: a path, the bytes of a file, or a seekable binary file (which closing the result closes).
        tier: decode at this capacity tier without reading later ones; None means the largest that is present.
        memory_budget: bytes that opening, or one request, may need for the directory, tensors and working memory.
        base: the base of a delta file; a :class:`FrzFile` has to stay open. The base is read completely once, to
            compare checksums. It is ignored if the file is not a delta file.

    Raises:
        FrzError: the file is not valid, does not contain the tier, or (``BASE``) has a different base. Reading a tensor
            also raises it (``CHECKSUM``) if the file at a path has been written to since it was opened.
        OSError: the file cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return FrzFile(io.BytesIO(bytes(source)), None, tier, memory_budget, base)
    if isinstance(source, str | os.PathLike):
        file = shared(source)
        try:
            return FrzFile(file, os.fspath(source), tier, memory_budget, base)
        except BaseException:
            file.close()
            raise
    file_object: Any = FileObject(source)
    return FrzFile(file_object, None, tier, memory_budget, base)


@contextmanager
def opened(source: Source | FrzFile | None) -> Iterator[FrzFile | None]:
    """Yield an open file, which is closed after the block only if it was opened here; None yields None."""
    if source is None or isinstance(source, FrzFile):
        yield source
        return
    with open(source) as file:
        yield file


def load_file(
    path: StrPath,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> dict[str, Array]:
    """Return all tensors of a file by name, as arrays. Arguments and errors are those of :func:`open`."""
    with open(path, tier=tier, memory_budget=memory_budget, base=base) as file:
        return file.load()


def load(
    data: bytes,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> dict[str, Array]:
    """Return all tensors of a file that is given as bytes; see :func:`load_file`."""
    with open(data, tier=tier, memory_budget=memory_budget, base=base) as file:
        return file.load()


__all__ = ["FrzFile", "load", "load_file", "open"]
