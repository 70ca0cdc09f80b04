"""What each value of the directory means, by where it stands (specification, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from frformat.cli.terminal import count
from frformat.dtypes import DTYPES, FORMATS
from frformat.format import directory as d
from frformat.format.quantization import STEP_CODES, step

Path = tuple[Any, ...]
"""Keys of maps and indices of arrays from the outside in: (0, 2, 3) is field 3 of group 2."""

TOP: Final[dict[Any, str]] = {
    d.GROUPS: "groups",
    d.METADATA: "metadata",
    d.ALIASES: "aliases",
    d.FEATURES: "features",
    d.TIERS: "tiers",
}
GROUP: Final[dict[Any, str]] = {
    d.CODING: "coding",
    d.DTYPE: "dtype",
    d.NAMES: "names",
    d.SHAPES: "shapes",
    d.CODER: "coder",
    d.SIZES: "sizes",
    d.FORMAT: "format",
    d.KEPT: "kept",
    d.STEPS: "steps",
    d.VIEWS: "views",
}
IDS: Final[dict[int, Sequence[str]]] = {
    d.CODING: d.CODINGS,
    d.DTYPE: tuple(DTYPES),
    d.CODER: d.CODERS,
    d.FORMAT: tuple(FORMATS),
}
"""Names of the ids in the fields of a group that have them."""


LONGEST: Final = 120
"""Characters of a text that are told."""


class Meanings:
    """Texts for values in file order; remembers the names of a group, to tell which tensor a later value is of."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._last = b""

    def is_names(self, path: Path) -> bool:
        """Whether the array at ``path`` has front-coded names."""
        return _is_group_field(path) and path[2] == d.NAMES

    def of_map(self, path: Path, size: int) -> str:
        """The start of a map."""
        if _is_group(path):
            self._names, self._last = [], b""
            return f"group {path[1]}: {count(size, 'field')}"
        return f"{_label(path)}: map of {count(size)}"

    def of_array(self, path: Path, size: int) -> str:
        """The start of an array whose elements follow as fields of their own."""
        if self.is_names(path):
            return f"names: {count(size // 2)}, each a number of bytes of the one before, and the rest"
        return f"{_label(path)}: {count(size)}"

    def of_name(self, path: Path, shared: int, rest: bytes) -> str:
        """One front-coded name."""
        self._last = self._last[: max(shared, 0)] + rest
        self._names.append(_text(self._last))
        return f"name {len(self._names) - 1}: {self._names[-1]}"

    def of_list(self, path: Path, values: Sequence[Any], size: int) -> str:
        """A whole array of plain values, of which the first ones are given."""
        more = ", …" if size > len(values) else ""
        if len(path) == 4 and _is_group_field(path[:3]) and path[2] in (d.SHAPES, d.VIEWS):
            what = "shape" if path[2] == d.SHAPES else "view"
            return f"{what} of {self._name(path[3])}: {'×'.join(map(_text, values)) or 'scalar'}{more}"
        if _is_group_field(path) and path[2] == d.STEPS:
            return "steps: " + ", ".join(map(_step, values)) + more
        if len(path) == 2 and path[0] == d.ALIASES and len(values) == 2:
            return f"alias {_text(values[0])} of {_text(values[1])}"
        return f"{_label(path)}: {', '.join(map(_text, values)) or 'none'}{more}"

    def of_value(self, path: Path, value: Any) -> str:
        """A value that is neither array nor map."""
        if _is_group_field(path) and path[2] in IDS and isinstance(value, int):
            names = IDS[path[2]]
            return f"{_label(path)}: {value}, {names[value] if 0 <= value < len(names) else 'which is not known'}"
        if len(path) == 4 and _is_group_field(path[:3]) and path[2] == d.VIEWS:
            return f"view of {self._name(path[3])}: its own shape"
        return f"{_label(path)}: {_text(value)}"

    def _name(self, index: int) -> str:
        return self._names[index] if index < len(self._names) else f"tensor {index}"


def _is_group(path: Path) -> bool:
    return len(path) == 2 and path[0] == d.GROUPS


def _is_group_field(path: Path) -> bool:
    return len(path) == 3 and path[0] == d.GROUPS


def _label(path: Path) -> str:
    if not path:
        return "directory"
    if len(path) == 1:
        return TOP.get(path[0], f"key {_text(path[0])}, ignored")
    if path[0] == d.METADATA:
        return f"metadata {_text(path[1])}"
    if _is_group_field(path):
        return GROUP.get(path[2], f"key {_text(path[2])}, ignored")
    if len(path) == 4 and _is_group_field(path[:3]) and path[2] == d.KEPT:
        return f"kept in tier {path[3]}"
    return f"element {_text(path[-1])}"


def _step(code: Any) -> str:
    return f"{step(code):.6g}" if type(code) is int and code in STEP_CODES else f"code {_text(code)}"


def _text(value: Any) -> str:
    """A value as text that is short enough for a line."""
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
