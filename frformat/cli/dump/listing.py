"""The listing that ``frformat dump FILE`` prints: the file at a glance, then one line per tensor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from frformat.cli import terminal
from frformat.cli.terminal import clean, count, dims, table
from frformat.format.tiers import without_figures

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS: Final = ("tensor", "shape", "view", "box", "kept", "values", "dtype", "coder", "group", "bytes")
COMMON: Final = ("values", "dtype", "coder", "group")
"""Columns that say the same of every tensor in most files, and are then told once."""

NUMBER: Final = re.compile("[1-9][0-9]{,17}")
"""Figures that are shown with separators."""

SHOWN_TIERS: Final = 4
"""A line tells what so many tiers keep; of more, the first and the last ones."""


def show(facts: dict[str, Any]) -> None:
    """Print what :func:`frformat.cli.dump.facts.file_facts` and ``checksum_facts`` found."""
    rows = [_row(tensor, facts["tiers"]) for tensor in facts["tensors"]]
    stored = [row for row, tensor in zip(rows, facts["tensors"], strict=True) if tensor["alias_of"] is None]
    common = {name: stored[0][name] for name in COMMON if len(stored) > 1 and len({row[name] for row in stored}) == 1}
    out = terminal.console()
    out.print(_headline(facts), style="bold", soft_wrap=True)
    out.print()
    out.print(summary([*_facts(facts), *_common(common)]))
    if len(facts["tiers"]) > 1 or facts["tiers"][0]["figures"]:
        out.print()
        terminal.show(_tiers(facts["tiers"], facts["tier"]))
    if rows:
        out.print()
        terminal.show(_tensors(rows, [name for name in COLUMNS if name not in common], facts))
    shared = [group for group in facts["groups"] if group["tensors"] > 1]
    if shared:
        out.print()
        terminal.show(_groups(shared, len(facts["tiers"])))


def values(tensor: dict[str, Any]) -> str:
    """How the values of a tensor or group are written: ``f16``, ``i8 × 0.125``, ``raw``."""
    if tensor["format"] is None:
        return "raw"
    step = tensor.get("step")
    return f"{tensor['format']}" + (f" × {step:.4g}" if step is not None else "")


def ratio(value: float) -> str:
    """How many times smaller: ``81,111×``, ``1.07×``."""
    return f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"


def summary(lines: Sequence[tuple[str, str]]) -> Table:
    """Labels and texts, two columns."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, text)
    return grid


def _headline(facts: dict[str, Any]) -> str:
    part = f"{count(facts['bytes_used'])} of " if facts["bytes_used"] != facts["bytes"] else ""
    size = part + count(facts["bytes"], "byte")
    text = f"{clean(facts['file'])}: {size} for {count(facts['weights'], 'weight')}"
    if facts["weights"]:
        text += f", {ratio(facts['ratio'])} smaller than dense f32"
    return text


def _facts(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    aliases = sum(tensor["alias_of"] is not None for tensor in facts["tensors"])
    apart = sum(tensor["alias_of"] is None and tensor["rows_of"] is not None for tensor in facts["tensors"])
    also = f" and {count(apart)} of rows of smaller tiers" if apart else ""
    also += f" and {count(aliases, 'alias', 'aliases')}" if aliases else ""
    dense = count(facts["dense_f32_bytes"], "byte")
    yield "tensors", f"{count(facts['tensor_count'] - aliases - apart)}{also}, {dense} as dense f32"
    yield "stored", count(facts["numbers"], "number")
    directory = facts["directory"]
    inflated = f", {count(directory['inflated'])} inflated" if directory["deflated"] else ""
    yield "directory", f"{count(directory['stored'], 'byte')}{inflated}, {count(directory['framed'])} with its frame"
    yield "checksums", _checksums(facts["checksums"])
    told = without_figures(facts["metadata"], len(facts["tiers"]))
    for index, (key, text) in enumerate(told.items()):
        yield "metadata" if index == 0 else "", f"{clean(key)}: {clean(text)}"


def _common(common: dict[str, str]) -> Iterator[tuple[str, str]]:
    if common:
        yield "each tensor", ", ".join(f"{name} {text}" for name, text in common.items())


def _checksums(facts: dict[str, Any]) -> str:
    segments = count(facts["segment_count"], "segment")
    if facts["segments"] == "unchecked":
        return f"directory matches; {segments} not read, check with `frformat verify`"
    if facts["segments"] == "damaged":
        return f"directory matches; DAMAGE in {segments}, see `frformat dump --bytes`"
    return f"directory and {segments} match"


def _row(tensor: dict[str, Any], tiers: Sequence[dict[str, Any]]) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "")
    row["tensor"] = clean(tensor["name"])
    row["shape"] = dims(tensor["shape"])
    if tensor["alias_of"] is not None:
        row["tensor"] += f" → {clean(tensor['alias_of'])}"
        return row
    shared = not tensor["bytes_exact"]
    row["values"] = values(tensor)
    row["dtype"] = tensor["dtype"]
    row["coder"] = tensor["coder"]
    row["group"] = str(tensor["group"]) if shared else ""
    row["bytes"] = f"{'≈' if shared else ''}{count(tensor['bytes'])}"
    for name in ("view", "box"):
        row[name] = "" if tensor[name] is None else dims(tensor[name])
    if tensor["kept"] is not None:
        row["kept"] = _kept(tensor["kept"], tiers)
    return row


def _kept(kept: Sequence[int], tiers: Sequence[dict[str, Any]]) -> str:
    """What each tier keeps, those that are absent in brackets."""
    cells = [count(k) if row["present"] else f"({count(k)})" for k, row in zip(kept, tiers, strict=True)]
    if len(cells) > SHOWN_TIERS:
        cells = [*cells[: SHOWN_TIERS - 1], "…", cells[-1]]
    return " ".join(cells)


def _tiers(tiers: Sequence[dict[str, Any]], chosen: int) -> Table:
    """What each tier has and takes, and what metadata tell of it, such as its accuracy."""
    names = list(dict.fromkeys(name for row in tiers for name in row["figures"]))
    out = table("tier", "numbers", "ends at byte", *map(clean, names), "", left=("",))
    for row in tiers:
        state = "" if row["present"] else "absent: the file was cut before it"
        mark = "←" if len(tiers) > 1 and row["tier"] == chosen else state
        figures = [clean(row["figures"].get(name, "")) for name in names]
        figures = [count(int(text)) if NUMBER.fullmatch(text) else text for text in figures]
        out.add_row(str(row["tier"]), count(row["numbers"]), count(row["end"]), *figures, mark)
    return out


def _tensors(rows: Sequence[dict[str, str]], columns: Sequence[str], facts: dict[str, Any]) -> Table:
    """One line per tensor; a column in which no tensor has anything is left out."""
    used = [name for name in columns if any(row[name] for row in rows)]
    titles = ["kept per tier" if name == "kept" and len(facts["tiers"]) > 1 else name for name in used]
    out = table(*titles, left=("tensor", "values", "dtype", "coder"), fold="tensor")
    for row in rows:
        out.add_row(*(row[name] for name in used))
    totals = {
        "tensor": "in all",
        "shape": count(facts["weights"]),
        "kept": count(
            sum(row["kept"][facts["tier"]] for row in facts["tensors"] if row["kept"] and not row["alias_of"])
        ),
        "bytes": count(sum(group["bytes"] for group in facts["groups"])),
    }
    out.add_section()
    out.add_row(*(totals.get(name, "") for name in used), style="bold")
    return out


def _groups(groups: Sequence[dict[str, Any]], tiers: int) -> Table:
    """The tensors that share segments: their bytes are exact for the group only."""
    per_tier = [f"tier {t}" for t in range(tiers)] if 1 < tiers <= SHOWN_TIERS else []
    out = table("group", "tensors", "values", "dtype", "coder", *per_tier, "bytes", left=("values", "dtype", "coder"))
    for group in groups:
        cells = [str(group["group"]), count(group["tensors"]), values(group), group["dtype"], group["coder"]]
        cells += [count(size) for size in group["bytes_per_tier"]] if per_tier else []
        out.add_row(*cells, count(group["bytes"]))
    return out
