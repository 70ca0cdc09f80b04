"""Writing: tensors and spectra → groups → segments → a file that appears whole or not at all.

Large raw tensors are coded one after the other into a temporary file and let go; small tensors that are alike are
gathered into groups. The directory, which comes first in the file, is made last.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any, Final

from numpy.typing import NDArray

from frformat.dtypes import FORMATS
from frformat.errors import EncodeError, FrzError
from frformat.format import coders, container, directory, directory_parser, grouping, limits
from frformat.format.atomic import replacing
from frformat.format.coders import rangecoder
from frformat.format.container import SegmentWriter
from frformat.format.directory import CODERS, RANGE_CODERS, Directory, Group
from frformat.format.grouping import Pending
from frformat.format.tiers import OF_TIERS
from frformat.spectral.spectrum import Spectrum

Array = NDArray[Any]
StrPath = str | os.PathLike[str]
Tensors = Mapping[str, Array | Spectrum]
Tiers = Sequence[int | float] | Mapping[str, Sequence[int | float]]
"""What the tiers before the last keep of each spectrum: a number of coefficients or a share below 1; or by name."""
Progress = Callable[[str, int], None]

SHARED_VALUES: Final = 1 << 16
"""A group has at most so many values, unless one tensor has more: so no tensor costs much more than itself to read."""

RANGE_VALUES: Final = 1 << 17
"""The range coder is tried on groups of at most so many values; beyond, it gains little and takes long."""

COMPRESSIONS: Final[dict[str, tuple[str, ...]]] = {
    "auto": CODERS,
    "core": tuple(coder for coder in CODERS if coder != "zstd"),
    "none": ("none",),
    "deflate": ("none", "deflate"),
    "zstd": ("none", "zstd"),
    "range": ("none", *RANGE_CODERS),
}
"""Which coders each value of ``compression`` chooses from; the smallest result wins."""


@dataclass(frozen=True)
class _Options:
    """How to write; checked when made."""

    metadata: dict[str, str]
    aliases: dict[str, str]
    formats: str | Mapping[str, str]
    tiers: Tiers
    smaller: int
    allowed: tuple[str, ...]
    progress: Progress = field(default=lambda name, done: None)

    def format(self, name: str) -> str:
        return self.formats if isinstance(self.formats, str) else self.formats.get(name, "auto")

    def cuts(self, name: str) -> Sequence[int | float]:
        return self.tiers.get(name, [1 << 62] * self.smaller) if isinstance(self.tiers, Mapping) else self.tiers


def save_file(
    tensors: Tensors,
    path: StrPath,
    *,
    metadata: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a file. It replaces an older one of that name only when it is whole.

    Args:
        tensors: arrays, stored losslessly (``raw``), and :class:`Spectrum` objects (``dct``) by name. Values are taken
            one at a time, so a mapping that loads them on demand keeps memory small. If it is a ``dict``, names that
            share one object are stored once. An array ``NAME@tiers`` has in row t what tier t has in the place of the
            array ``NAME``, which is what the last tier has.
        path: where to.
        metadata: flat text for people and tools.
        aliases: further names for tensors, ``{name: target}`` (tied weights).
        format: number format of coefficients, for all or by tensor name: ``auto`` (the narrowest of f16, bf16, f32
            and integers with a step that loses nothing), ``f32``, ``f16``, ``bf16``, ``qN`` (integers of N bits, 2 to
            32, a step for each tensor), or ``step=S`` (integers, the largest representable step that is at most S).
        tiers: what smaller tiers keep of each spectrum, ascending: an int is a number of coefficients, a float below 1
            a share. The whole is always the last tier. A mapping says so by tensor name, as many for each; spectra that
            it does not name are whole in every tier.
        compression: ``auto`` (smallest), ``core`` (smallest that needs no zstd to read), or a coder: ``none``,
            ``deflate``, ``zstd``, ``range``. A segment that does not get smaller is stored as it is.
        progress: called with a tensor's name and how many of its bytes are done since it was last called.

    Raises:
        EncodeError: an input or option cannot be encoded.
        OSError: the file cannot be written.
    """
    options = _options(metadata, aliases, format, tiers, compression, progress)
    folder = os.path.dirname(os.path.realpath(path))
    with replacing(path) as file, tempfile.TemporaryFile(dir=folder) as spool:
        _write(tensors, file, spool, options)


def save(
    tensors: Tensors,
    *,
    metadata: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
) -> bytes:
    """The bytes of a file. Arguments and errors as :func:`save_file`."""
    file = io.BytesIO()
    _write(tensors, file, io.BytesIO(), _options(metadata, aliases, format, tiers, compression))
    return file.getvalue()


def _options(
    metadata: Mapping[str, str] | None,
    aliases: Mapping[str, str] | None,
    formats: str | Mapping[str, str],
    tiers: Tiers,
    compression: str,
    progress: Progress | None = None,
) -> _Options:
    for key, text in (metadata or {}).items():
        if not (isinstance(key, str) and isinstance(text, str) and key):
            raise EncodeError(f"metadata {key!r}: {text!r} is not text under a key that is not empty")
    by_name = tiers if isinstance(tiers, Mapping) else {"": tiers}
    lengths = sorted({len(cuts) for cuts in by_name.values()}) or [0]
    if len(lengths) > 1:
        raise EncodeError(f"tiers: {lengths[0]} for one tensor and {lengths[-1]} for another; all need as many")
    if lengths[0] >= limits.TIERS:
        raise EncodeError(f"{lengths[0] + 1} tiers, at most {limits.TIERS}")
    for cuts in by_name.values():
        for cut in cuts:
            if not (cut >= 0 and (isinstance(cut, int) or cut < 1)):
                raise EncodeError(f"tier {cut!r} is neither a number of coefficients nor a share below 1")
    if compression not in COMPRESSIONS:
        raise EncodeError(f"compression {compression!r} is none of {', '.join(COMPRESSIONS)}")
    texts, names = dict(metadata or {}), dict(aliases or {})
    chosen = _Options(texts, names, formats, tiers, lengths[0], COMPRESSIONS[compression])
    return replace(chosen, progress=progress) if progress else chosen


def _write(tensors: Tensors, file: IO[bytes], spool: IO[bytes], options: _Options) -> None:
    aliases = dict(options.aliases)
    large: list[Group] = []
    gathered: list[list[Pending]] = []
    open_groups: dict[object, list[Pending]] = {}
    seen: dict[object, str] = {}
    for name in tensors:
        if not isinstance(name, str):
            raise EncodeError(f"a tensor's name must be a string, not {name!r}")
        tensor = tensors[name]
        # Only the values of a plain dict are certain to live on, so that an id means one object.
        target = seen.setdefault(_identity(tensors, name), name) if type(tensors) is dict else name
        if target != name:
            aliases.setdefault(name, target)
            continue
        try:
            part = grouping.pending(name, tensor, options.format(name), options.cuts(name))
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error
        if part.count > SHARED_VALUES and part.group.coding == "raw":
            large.append(_stream(part, spool, options))
        else:
            parts = open_groups.get(grouping.likeness(part.group))
            if parts is None or part.count + sum(p.count for p in parts) > SHARED_VALUES:
                parts = open_groups[grouping.likeness(part.group)] = []
                gathered.append(parts)
            parts.append(part)
            options.progress(name, part.nbytes)
        del tensor, part  # before the next one is loaded
    coded = [_code(grouping.gather(parts), options.allowed) for parts in gathered]
    contents = Directory((*large, *(group for group, _ in coded)), options.metadata, aliases, tiers=options.smaller + 1)
    _check(contents)
    file.write(container.head(contents))
    spool.seek(0)
    shutil.copyfileobj(spool, file, coders.CHUNK)
    for tier in range(contents.tiers):
        for group, segments in coded:
            if any(group.counts(tier)):
                segment = SegmentWriter(file)
                segment.write(segments[tier])
                segment.close()


def _identity(tensors: Tensors, name: str) -> object:
    """What two names share if they stand for the same tensor at every tier."""
    at_tiers = tensors.get(name + OF_TIERS), tensors.get(name.removesuffix(OF_TIERS))
    return id(tensors[name]), *map(id, at_tiers)


def _check(contents: Directory) -> None:
    """A reader must accept what is written: names, limits and aliases are checked by its own rules."""
    try:
        directory_parser.parse(directory.pack(contents))
    except UnicodeEncodeError as error:
        raise EncodeError(f"{error.object!r} is not Unicode text, so it can be neither name nor metadata") from error
    except FrzError as error:
        where = f"tensor {error.tensor!r}: " if error.tensor is not None else ""
        raise EncodeError(f"{where}{error.reason}") from error


def _stream(part: Pending, spool: IO[bytes], options: _Options) -> Group:
    """Code one large raw tensor into the spool."""
    [run] = part.runs[0]
    [name] = part.group.names
    coder = _sampled(run, options.allowed)
    segment = SegmentWriter(spool)
    coders.write(coder, [run], segment, lambda done: options.progress(name, done))
    segment.close()
    return replace(part.group, coder=coder, sizes=(segment.size,))


def _sampled(run: Array, allowed: Sequence[str]) -> str:
    """The coder that does best on the first megabyte; ``none`` unless another saves at least a fiftieth."""
    sample = run[: coders.CHUNK // run.itemsize]
    sizes = {"none": 0.98 * sample.nbytes}
    for coder in allowed:
        # Deflate is far slower and hardly ever smaller than zstd: take it only where zstd may not be used.
        if coder == "zstd" or (coder == "deflate" and "zstd" not in allowed):
            out = SegmentWriter(io.BytesIO())
            coders.write(coder, [sample], out)
            sizes[coder] = out.size
    return min(sizes, key=lambda coder: sizes[coder])


def _code(part: Pending, allowed: Sequence[str]) -> tuple[Group, list[bytes]]:
    """The group with the coder that makes it smallest, and its segments."""
    best: tuple[str, list[bytes]] | None = None
    for coder in allowed:
        group = part.group
        if coder in RANGE_CODERS:
            if (group.format or group.dtype) not in FORMATS or part.count > RANGE_VALUES:
                continue
            contexts = rangecoder.Contexts(group.value_format, coder == "range-ctx")
            segments = [rangecoder.encode(tier, contexts) if any(map(len, tier)) else b"" for tier in part.runs]
            counts = [sum(map(len, tier)) for tier in part.runs]
            if any(n > limits.range_values(len(s)) for n, s in zip(counts, segments, strict=True)):
                continue
        else:
            segments = [_bytes_of(coder, tier) for tier in part.runs]
        if best is None or sum(map(len, segments)) < sum(map(len, best[1])):
            best = coder, segments
    assert best is not None  # `none` is always allowed
    coder, segments = best
    return replace(part.group, coder=coder, sizes=tuple(map(len, segments))), segments


def _bytes_of(coder: str, runs: Sequence[Array]) -> bytes:
    if not any(map(len, runs)):
        return b""
    out = io.BytesIO()
    coders.write(coder, runs, out)
    return out.getvalue()
