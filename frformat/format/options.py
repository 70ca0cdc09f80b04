"""Check the options of :func:`frformat.save_file`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final

from frformat.errors import EncodeError
from frformat.format import limits, quantization
from frformat.format.coders import CODERS
from frformat.format.grouping import Cut

Tiers = Sequence[Cut] | Mapping[str, Sequence[Cut]]
"""The part of each core that each tier before the last keeps (a number of entries, a share below 1, or a corner), for
all tensors or by name."""

Formats = str | Mapping[str, str]
Progress = Callable[[str, int], None]

COMPRESSIONS: Final[dict[str, tuple[str, ...]]] = {
    "auto": tuple(CODERS),
    "core": tuple(coder for coder in CODERS if coder != "zstd"),
    "none": ("none",),
    "deflate": ("none", "deflate"),
    "zstd": ("none", "zstd"),
    "adaptive": ("none", "adaptive"),
    "static": ("none", "static"),
    "fast": tuple(CODERS),
}
"""The coders that each value of ``compression`` chooses from; the smallest result wins."""

FAST: Final = "fast"
"""The value of ``compression`` for files whose large tensors must be fast to read."""


@dataclass(frozen=True)
class Options:
    """Options for writing a file.

    Attributes:
        metadata: a flat map of strings.
        aliases: additional names for tensors.
        formats: number format of spectra, for all or by name.
        tiers: the parts of cores that the smaller tiers keep.
        smaller: number of tiers before the last.
        coders: names of the coders that may be used.
        fast: whether large tensors must be fast to read.
        progress: called with a tensor's name and the number of bytes of its values processed since the last call.
    """

    metadata: dict[str, str]
    aliases: dict[str, str]
    formats: Formats
    tiers: Tiers
    smaller: int
    coders: tuple[str, ...]
    fast: bool
    progress: Progress

    @classmethod
    def of(
        cls,
        metadata: Mapping[str, str] | None,
        aliases: Mapping[str, str] | None,
        formats: Formats,
        tiers: Tiers,
        compression: str,
        progress: Progress | None = None,
    ) -> Options:
        """Check the options of a call.

        Raises:
            EncodeError: an option is invalid.
        """
        for option, given in (("metadata", metadata), ("aliases", aliases)):
            if not isinstance(given, Mapping | None):
                raise EncodeError(f"{option} must be a mapping of strings, not {given!r}")
        if not isinstance(formats, str | Mapping):
            raise EncodeError(f"format must be a string, or a mapping of strings by tensor name, not {formats!r}")
        for key, text in (metadata or {}).items():
            if not (isinstance(key, str) and isinstance(text, str) and key):
                raise EncodeError(f"metadata {key!r}: {text!r}: the key must be a nonempty string, the value a string")
        by_name = tiers if isinstance(tiers, Mapping) else {"": tiers}
        for cuts in by_name.values():
            if isinstance(cuts, str) or not isinstance(cuts, Sequence):
                raise EncodeError(f"tiers {cuts!r}: must be a sequence with an entry for each tier before the last")
        lengths = sorted({len(cuts) for cuts in by_name.values()}) or [0]
        if len(lengths) > 1:
            raise EncodeError(
                f"tiers: {lengths[0]} for one tensor and {lengths[-1]} for another; all tensors need the same number"
            )
        if lengths[0] >= limits.TIERS:
            raise EncodeError(f"{lengths[0] + 1} tiers are too many; at most {limits.TIERS} are possible")
        for cuts in by_name.values():
            for cut in cuts:
                _check_cut(cut)
        for wanted in formats.values() if isinstance(formats, Mapping) else (formats,):
            quantization.check_format(wanted)
        if compression not in COMPRESSIONS:
            raise EncodeError(f"compression {compression!r} is not one of {', '.join(COMPRESSIONS)}")
        told = progress or (lambda name, done: None)
        coders, fast = COMPRESSIONS[compression], compression == FAST
        return cls(dict(metadata or {}), dict(aliases or {}), formats, tiers, lengths[0], coders, fast, told)

    def format(self, name: str) -> str:
        """Return the number format of a spectrum."""
        return self.formats if isinstance(self.formats, str) else self.formats.get(name, "auto")

    def cuts(self, name: str) -> Sequence[Cut]:
        """Return the parts of a core that the tiers before the last keep."""
        if not isinstance(self.tiers, Mapping):
            return self.tiers
        return self.tiers.get(name, [limits.UNBOUNDED] * self.smaller)


def _check_cut(cut: Cut) -> None:
    if isinstance(cut, tuple):
        if not all(isinstance(r, int) and r >= 0 for r in cut):
            raise EncodeError(f"tier {cut!r} is not a corner, that is, a number of entries for each axis")
    elif not (isinstance(cut, Real) and cut >= 0 and (isinstance(cut, int) or cut < 1)):
        raise EncodeError(f"tier {cut!r} is neither a number of coefficients nor a share below 1")
