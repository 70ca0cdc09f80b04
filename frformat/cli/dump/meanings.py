"""Explain each value of the directory by its position (specification, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from frformat.cli.terminal import axes
from frformat.dtypes import DTYPES
from frformat.format import directory as d
from frformat.format.bases import KINDS
from frformat.format.coders import CODERS
from frformat.format.group_parser import FORMAT_IDS
from frformat.format.limits import OFFSETS, RANK, STEP_CODES
from frformat.format.quantization import step
from frformat.wording import count

Path = tuple[Any, ...]
"""Keys of maps and indices of arrays from the outside in: (2, 0, 3) is field 3 of group 0."""

TOP: Final[dict[Any, str]] = {
    d.FEATURES: "features",
    d.TIERS: "tiers",
    d.GROUPS: "groups",
    d.ALIASES: "aliases",
    d.METADATA: "metadata",
    d.BASE: "base",
}
GROUP: Final[dict[Any, str]] = {
    d.DTYPE: "dtype",
    d.NAMES: "names",
    d.SHAPES: "shapes",
    d.VIEWS: "views",
    d.BASES: "bases",
    d.FACTORS: "factors",
    d.SEEDS: "seeds",
    d.KEPT: "kept",
    d.CORNERS: "corners",
    d.PER_TIER: "per_tier",
    d.FORMAT: "format",
    d.STEPS: "steps",
    d.OFFSETS: "offsets",
    d.CODER: "coder",
    d.SIZES: "sizes",
    d.DELTA: "delta",
}
IDS: Final[dict[int, Sequence[str]]] = {
    d.DTYPE: tuple(DTYPES),
    d.BASES: tuple(KINDS),
    d.FORMAT: FORMAT_IDS,
    d.CODER: tuple(CODERS),
}
"""Names of the ids, by field of a group."""

OF_TENSORS: Final[dict[int, str]] = {d.SHAPES: "shape", d.VIEWS: "view", d.FACTORS: "factors", d.SEEDS: "seeds"}
"""Fields of a group with a list for each tensor, and what each of these lists contains."""

DIMS: Final = (d.SHAPES, d.VIEWS)
"""The fields of :data:`OF_TENSORS` whose lists contain shapes."""

LONGEST: Final = 120
"""Largest number of characters of a string to show."""


class Meanings:
    """Explains values in file order, and remembers the names in a group so that later values can name their tensor."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._last = b""
        self._factors = 0
        self._next_factor = 0

    def is_names(self, path: Path) -> bool:
        """Return whether the array at ``path`` has front-coded names."""
        return _is_group_field(path) and path[2] == d.NAMES

    def of_map(self, path: Path, size: int) -> str:
        """Explain the start of a map."""
        if _is_group(path):
            self._names, self._last = [], b""
            self._factors = self._next_factor
            return f"group {path[1]}: {count(size, 'field')}"
        return f"{_label(path)}: map of {count(size)}"

    def of_array(self, path: Path, size: int) -> str:
        """Explain the start of an array whose elements follow as separate fields."""
        if self.is_names(path):
            return f"names: {count(size // 2)}, each as a number of bytes shared with the previous one, and the rest"
        if _is_group_field(path) and path[2] == d.SHAPES and not self._names:
            self._next_factor += size
            return f"shapes: {count(size)}, of factors, because there are no names"
        return f"{_label(path)}: {count(size)}"

    def of_name(self, path: Path, shared: int, rest: bytes) -> str:
        """Explain one front-coded name."""
        self._last = self._last[: max(shared, 0)] + rest
        self._names.append(_text(self._last))
        return f"name {len(self._names) - 1}: {self._names[-1]}"

    def of_list(self, path: Path, values: Sequence[Any], size: int) -> str:
        """Explain a whole array of plain values, given the first ones."""
        more = ", …" if size > len(values) else ""
        listed = (", ".join(map(_text, values)) or "none") + more
        if len(path) == 4 and _is_group_field(path[:3]) and path[2] in OF_TENSORS:
            text = ("×".join(map(_text, values)) or "scalar") + more if path[2] in DIMS else listed
            return f"{OF_TENSORS[path[2]]} of {self._name(path[3])}: {text}"
        if len(path) == 5 and _is_group_field(path[:3]) and path[2] == d.CORNERS:
            return f"corner of {self._name(path[4])}: {'×'.join(map(_text, values)) or 'scalar'}{more}"
        if _is_group_field(path) and path[2] == d.BASES:
            return "bases: " + ", ".join(f"{value}, {_id(d.BASES, value)}" for value in values) + more
        if _is_group_field(path) and path[2] == d.STEPS:
            return "steps: " + ", ".join(map(_step, values)) + more
        if len(path) == 2 and path[0] == d.ALIASES and len(values) == 2:
            return f"alias {_text(values[0])} of {_text(values[1])}"
        return f"{_label(path)}: {listed}"

    def of_value(self, path: Path, value: Any) -> str:
        """Explain a value that is neither an array nor a map."""
        if _is_group_field(path) and path[2] in IDS and isinstance(value, int):
            return f"{_label(path)}: {value}, {_id(path[2], value)}"
        if _is_group_field(path) and path[2] == d.OFFSETS and isinstance(value, int) and 1 <= value <= OFFSETS:
            return f"offsets: {value}, on {axes([axis for axis in range(RANK) if value >> axis & 1])}"
        if len(path) == 4 and _is_group_field(path[:3]) and path[2] == d.VIEWS:
            return f"view of {self._name(path[3])}: its own shape"
        return f"{_label(path)}: {_text(value)}"

    def _name(self, index: int) -> str:
        if not self._names:
            return f"factor {self._factors + index}"
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
    if len(path) == 4 and _is_group_field(path[:3]) and path[2] in (d.KEPT, d.CORNERS):
        return f"{GROUP[path[2]]} in tier {path[3]}"
    return f"element {_text(path[-1])}"


def _id(key: int, value: Any) -> str:
    names = IDS[key]
    return (names[value] if isinstance(value, int) and 0 <= value < len(names) else "") or "which is unknown"


def _step(code: Any) -> str:
    return f"{step(code):.6g}" if type(code) is int and code in STEP_CODES else f"code {_text(code)}"


def _text(value: Any) -> str:
    """Format a value as text that is short enough for a line."""
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
