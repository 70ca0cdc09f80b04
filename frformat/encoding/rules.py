"""Rules with which users control how tensors are stored.

A rule is a pattern for names, followed by words that say how to code the matching tensors::

    fc1.weight: keep=300 view=500,50,4,4 format=q8
    *.weight: energy=0.999
    head.*: raw

``raw`` stores weights unchanged. ``keep=N``, ``keep=N%``, ``energy=SHARE`` and ``max-error=SHARE`` keep a prefix of
their spectrum. ``spectral`` declares that the input already is a spectrum. ``view=…`` sets the shape in which the
spectrum is taken. ``format=…`` sets the number format of the coefficients or, if nothing says how much to keep, of the
weights. Patterns use ``*``, ``?`` and ``[…]`` as in shells. The first rule whose pattern matches a name of the tensor
applies; whatever it leaves open follows the command line's options for all tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from frformat.encoding.selection import Energy, MaxError, Selection, parse_keep, parse_share
from frformat.errors import EncodeError
from frformat.format import limits
from frformat.format.quantization import check_format

SHAPE: Final = re.compile("[0-9]{1,19}(,[0-9]{1,19})*")
"""A list of lengths."""

WORDS: Final = "raw, spectral, keep=N, keep=N%, energy=SHARE, max-error=SHARE, view=N,N,… and format=FORMAT"


@dataclass(frozen=True)
class Rule:
    """A rule for storing the tensors whose names match a pattern. None means unspecified.

    Attributes:
        pattern: pattern for names, with ``*``, ``?`` and ``[…]``.
        raw: store the tensor unchanged.
        spectral: the elements are a spectrum, not weights.
        selection: how much of the spectrum to keep.
        view: shape in which the spectrum is taken.
        format: number format of the coefficients, or of weights that are not transformed; see
            :func:`frformat.save_file`.
    """

    pattern: str = "*"
    raw: bool = False
    spectral: bool = False
    selection: Selection | None = None
    view: tuple[int, ...] | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        if self.raw and (self.spectral or self.selection or self.view or self.format):
            raise EncodeError("raw excludes all other words: a tensor that is stored unchanged has no spectrum")
        if self.format is not None:
            check_format(self.format)

    def matches(self, name: str) -> bool:
        """Return whether the rule applies to a tensor with this name."""
        return fnmatchcase(name, self.pattern)

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Parse a rule.

        Raises:
            EncodeError: ``text`` is not a rule.
        """
        pattern, colon, words = text.rpartition(":")
        if not (colon and pattern.strip() and words.strip()):
            raise EncodeError(f"rule {text!r} is not of the form 'PATTERN: WORDS'; words are {WORDS}")
        try:
            return cls(pattern.strip()).saying(words.split())
        except EncodeError as error:
            raise EncodeError(f"rule {text!r}: {error}") from error

    def saying(self, words: Iterable[str]) -> Rule:
        """Return this rule with further words.

        Raises:
            EncodeError: a word is unknown, or words contradict each other.
        """
        rule = self
        for word in words:
            rule = rule._saying(word)
        return rule

    def _saying(self, word: str) -> Rule:
        key, _, value = word.partition("=")
        match key:
            case "raw" | "spectral" if word == key:
                return replace(self, **{key: True})  # type: ignore[arg-type]
            case "keep" | "energy" | "max-error" if self.selection is not None:
                raise EncodeError("keep, energy and max-error are mutually exclusive")
            case "keep":
                return replace(self, selection=parse_keep(value))
            case "energy":
                return replace(self, selection=Energy(parse_share(value, key)))
            case "max-error":
                return replace(self, selection=MaxError(parse_share(value, key)))
            case "view":
                return replace(self, view=parse_shape(value))
            case "format":
                return replace(self, format=value)
        raise EncodeError(f"{word!r} is not one of {WORDS}")


def parse_shape(text: str) -> tuple[int, ...]:
    """Parse a shape such as ``500,50,4,4``.

    Raises:
        EncodeError: ``text`` is not such a list.
    """
    if not SHAPE.fullmatch(text):
        raise EncodeError(f"view={text} is not a shape such as 500,50,4,4")
    if text.count(",") >= limits.RANK:
        raise EncodeError(f"view={text} has more than {limits.RANK} axes, the limit of the format")
    return tuple(map(int, text.split(",")))
