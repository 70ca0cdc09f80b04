"""Reading: :func:`open` lists a file at once; its tensors are decoded when they are asked for."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.errors import FrzError
from frformat.format import container, limits, tiers
from frformat.format.codings import CODINGS
from frformat.format.codings import dct as dct_coding
from frformat.format.container import Container
from frformat.format.info import TensorInfo
from frformat.format.quantization import step
from frformat.format.segments import unpack_values, values_bytes
from frformat.spectral.spectrum import Spectrum
from frformat.spectral.zigzag import element_count

Array = NDArray[Any]
StrPath = str | os.PathLike[str]

CACHED_VALUES = 1 << 16
"""Groups of at most so many values are kept once decoded, since others of their tensors are likely to be asked for."""


class _Place(NamedTuple):
    """Where a tensor is: which member of which group, or a row of that one."""

    group: int
    member: int
    row: int | None = None


class FrzFile:
    """An open file. Use it as a context manager, or call :meth:`close`.

    Iteration yields the names of all tensors in file order, aliases last; ``f[name]`` rebuilds one tensor as the tier
    has it.

    Attributes:
        container: header, directory and extents.
        metadata: the file's flat text.
        tiers: how many tiers the whole file has.
        tiers_present: how many of them are there.
        tier: the tier at which tensors are decoded.
        rows: of each raw tensor that smaller tiers have otherwise, the name of the tensor whose rows are theirs.
        model: the names of the model's tensors, as iteration yields them, but without tensors of rows.
    """

    def __init__(self, file: IO[bytes], path: str | None, tier: int | None, memory_budget: int) -> None:
        self._file = file
        self._path = path
        self._budget = memory_budget
        self._cache: dict[tuple[int, int], list[Array]] = {}
        with self._located():
            self.container: Container = container.read(file)
            self.metadata: dict[str, str] = self.container.directory.metadata
            self.tiers: int = self.container.directory.tiers
            self.tiers_present: int = self.container.present
            self.tier: int = self.tiers_present - 1 if tier is None else tier
            if not 0 <= self.tier < self.tiers_present:
                there = f"0 to {self.tiers_present - 1} are" if self.tiers_present > 1 else "only 0 is"
                raise FrzError("TIER", f"tier {tier} of {self.tiers} is asked for, {there} present")
        self._groups = self.container.directory.groups
        self._where = {n: _Place(g, i) for g, group in enumerate(self._groups) for i, n in enumerate(group.names)}
        self._aliases = self.container.directory.aliases
        self.rows: dict[str, str] = tiers.rows(self.container.directory)
        apart = set(self.rows.values())
        self.model: list[str] = [name for name in self if self._aliases.get(name, name) not in apart]

    def __enter__(self) -> FrzFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        yield from self._where
        yield from self._aliases

    def __len__(self) -> int:
        return len(self._where) + len(self._aliases)

    def __contains__(self, name: object) -> bool:
        return name in self._where or name in self._aliases

    def keys(self) -> list[str]:
        """The names of all tensors, aliases last."""
        return list(self)

    @property
    def aliases(self) -> dict[str, str]:
        """Names that stand for another tensor of the file, with that tensor's name."""
        return dict(self._aliases)

    def info(self, name: str) -> TensorInfo:
        """What the directory says of a tensor; reads nothing.

        Raises:
            FrzError: ``NOT_FOUND``.
        """
        group_index, index, _ = self._find(name)
        group = self._groups[group_index]
        spectral = group.coding == "dct"
        return TensorInfo(
            name,
            self._aliases.get(name),
            group.coding,
            group.dtype,
            group.shapes[index],
            group.coder,
            group_index,
            view=group.views[index] if spectral else None,
            format=group.format,
            step=step(group.steps[index]) if group.steps else None,
            kept=tuple(row[index] for row in group.kept),
        )

    def __getitem__(self, name: str) -> Array:
        """Rebuild one tensor: a fresh array of its shape and dtype. A tensor of rows is given as it is stored.

        Raises:
            FrzError: ``NOT_FOUND``, ``BUDGET``, or that its segment is damaged or malformed.
        """
        place = self._at_tier(name)
        with self._located(name):
            self._check_budget(place, self.info(name).nbytes)
            return self._rebuild(place, self._values(place.group, self.tier))

    def spectrum(self, name: str) -> Spectrum:
        """The coefficients of one tensor, without rebuilding it.

        Raises:
            FrzError: ``NOT_FOUND``, also for a ``raw`` tensor, and as for rebuilding.
        """
        group_index, index, _ = self._find(name)
        group = self._groups[group_index]
        with self._located(name):
            if group.coding != "dct":
                raise FrzError("NOT_FOUND", "a raw tensor has no spectrum")
            stored = self._values(group_index, self.tier)[index]
            coefficients = dct_coding.coefficients(group, index, stored)
        return Spectrum(coefficients, group.shapes[index], group.views[index], group.dtype)

    def stored(self, name: str) -> Spectrum | Array:
        """What the tier has of a tensor: a :class:`Spectrum` for ``dct``, an array for ``raw``."""
        return self.spectrum(name) if self.info(name).coding == "dct" else self[name]

    def load(self) -> dict[str, Array]:
        """Rebuild all tensors of the model; aliases are the same array as their target.

        Raises:
            FrzError: as for one tensor; ``BUDGET`` counts all of them together.
        """
        places = {name: self._at_tier(name) for name in self.model if name not in self._aliases}
        output = sum(self.info(name).nbytes for name in places)
        with self._located():
            self._afford(output)
        out = {}
        for group_index, names in groupby(sorted(places, key=lambda n: places[n][:2]), lambda n: places[n].group):
            together = list(names)
            for name in together:
                with self._located(name):
                    self._check_budget(places[name], output)
            with self._located():
                values = self._values(group_index, self.tier)
            for name in together:
                with self._located(name):
                    out[name] = self._rebuild(places[name], values)
        return {name: out[self._aliases.get(name, name)] for name in self.model}

    def verify(self) -> None:
        """Read every segment that is present and check it whole: checksum, stream and values; rebuild nothing.

        Raises:
            FrzError: what is wrong.
        """
        for group_index, group in enumerate(self._groups):
            with self._located():
                values = self._values(group_index, self.tiers_present - 1)
            for index, name in enumerate(group.names):
                with self._located(name):
                    if group.coding == "dct":
                        dct_coding.coefficients(group, index, values[index])
                    else:
                        CODINGS[group.coding].rebuild(group, index, values[index], values[index])

    def _find(self, name: str) -> _Place:
        """Where a tensor is stored."""
        found = self._where.get(self._aliases.get(name, name))
        if found is None:
            reason = "no tensor has this name; `frformat dump` lists them"
            raise FrzError("NOT_FOUND", reason, path=self._path, tensor=name)
        return found

    def _at_tier(self, name: str) -> _Place:
        """Where that is which the tier has of a tensor."""
        rows = self.rows.get(self._aliases.get(name, name))
        if rows is None or self.tier == self.tiers - 1:
            return self._find(name)
        return self._find(rows)._replace(row=self.tier)

    def _rebuild(self, place: _Place, values: list[Array]) -> Array:
        group_index, index, row = place
        group = self._groups[group_index]
        shape = group.shapes[index] if row is None else group.shapes[index][1:]
        try:
            out = values[0].reshape(shape) if self._is_output(place) else np.empty(shape, DTYPES[group.dtype])
        except ValueError as error:
            raise FrzError("BUDGET", f"NumPy cannot hold shape {list(shape)}: {error}") from error
        if row is None:
            CODINGS[group.coding].rebuild(group, index, values[index], out)
        else:
            count = element_count(shape)
            CODINGS[group.coding].rebuild(group, index, values[index], values[index])  # checks the other rows, too
            out.reshape(-1)[:] = values[index][row * count : (row + 1) * count]
        return out

    def _is_output(self, place: _Place) -> bool:
        """Whether the values of the group are the tensor, and nobody else's."""
        group = self._groups[place.group]
        return group.coding == "raw" and len(group.names) == 1 and place.row is None

    def _check_budget(self, place: _Place, output: int) -> None:
        """Whether rebuilding one tensor can be afforded beside ``output`` bytes of rebuilt tensors, it among them."""
        group_index, index, _ = place
        group = self._groups[group_index]
        needed = output if self._is_output(place) else output + values_bytes(group, self.tier)
        self._afford(needed)
        for part in CODINGS[group.coding].working_memory(group, index, self.tier):
            needed += part
            self._afford(needed)

    def _values(self, group_index: int, tier: int) -> list[Array]:
        """The stored values of each tensor of a group, all tiers up to ``tier``."""
        key = (group_index, tier)
        if key in self._cache:
            return self._cache[key]
        group = self._groups[group_index]
        self._afford(values_bytes(group, tier))
        values = unpack_values(self._file, self.container, group_index, tier)
        if len(group.names) > 1 and sum(map(len, values)) <= CACHED_VALUES:
            self._cache[key] = values
        return values

    def _afford(self, needed: int) -> None:
        if needed > self._budget:
            reason = (
                f"this needs {needed:,} bytes, the memory budget is {self._budget:,}; raise it if you trust the file"
            )
            raise FrzError("BUDGET", reason)

    @contextmanager
    def _located(self, tensor: str | None = None) -> Iterator[None]:
        """Add file and tensor to an error from below."""
        try:
            yield
        except FrzError as error:
            error.path = self._path
            error.tensor = error.tensor if error.tensor is not None else tensor
            raise


def open(
    source: StrPath | bytes | IO[bytes], *, tier: int | None = None, memory_budget: int = limits.MEMORY_BUDGET
) -> FrzFile:
    """Open a file and read its directory; tensors are decoded when asked for.

    Args:
        source: a path, the bytes of a file, or a seekable binary file (which closing the result closes).
        tier: decode at this capacity tier and read nothing of the later ones; None for the largest that is present.
        memory_budget: bytes that one request may need for tensors and working memory.

    Raises:
        FrzError: the file is not valid, or does not hold the tier.
        OSError: the file cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return FrzFile(io.BytesIO(source), None, tier, memory_budget)
    if isinstance(source, str | os.PathLike):
        file = builtins.open(source, "rb")  # noqa: SIM115 — closed by the result
        try:
            return FrzFile(file, os.fspath(source), tier, memory_budget)
        except BaseException:
            file.close()
            raise
    return FrzFile(source, None, tier, memory_budget)


def load_file(path: StrPath, *, tier: int | None = None, memory_budget: int = limits.MEMORY_BUDGET) -> dict[str, Array]:
    """All tensors of a model by name: arrays of their shape and dtype. Arguments and errors as :func:`open`."""
    with open(path, tier=tier, memory_budget=memory_budget) as file:
        return file.load()


def load(data: bytes, *, tier: int | None = None, memory_budget: int = limits.MEMORY_BUDGET) -> dict[str, Array]:
    """All tensors of a model whose file is given as bytes. Arguments and errors as :func:`open`."""
    with open(data, tier=tier, memory_budget=memory_budget) as file:
        return file.load()
