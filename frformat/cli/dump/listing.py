"""Print the listing of ``frformat dump FILE``: the file at a glance, then one line per tensor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from frformat.cli import columns, terminal
from frformat.cli.columns import Row
from frformat.cli.dump.facts import Checksums, FileFacts, GroupFacts, TensorFacts, TierFacts
from frformat.cli.dump.survey import Survey
from frformat.cli.terminal import dims, table
from frformat.format.tiers import without_metrics
from frformat.wording import clean, count

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS: Final = (
    "tensor", "shape", "view", "bases", "box", "kept", "nonzero", "values", "dtype", "coder", "group", "bytes", "bits",
)  # fmt: skip
COMMON: Final = ("bases", "values", "dtype", "coder", "group")
"""Columns that are shown only once if all tensors have the same text in them, as in most files."""
FACTOR_COLUMNS: Final = ("factor", "shape", "kept", "nonzero", "values", "coder", "bytes")
GROUP_COLUMNS: Final = ("group", "tensors", "bases", "values", "dtype", "coder", "bytes")

LEFT: Final = ("bases", "values", "dtype", "coder")
"""Columns with text."""

NUMBER: Final = re.compile("[1-9][0-9]{,17}")
"""Matches whole numbers that get thousands separators."""

SHOWN_TIERS: Final = 4
"""Number of tiers to show on a line; if there are more, the first ones and the last one are shown."""


def show(facts: Survey, checksums: Checksums) -> None:
    """Print a file.

    Args:
        facts: the description of the file.
        checksums: whether the checksums of its segments match.
    """
    about = facts.summary()
    tiers = about.tiers
    totals = {"numbers": 0, "nonzero": 0}
    measured = columns.measure(_counted(facts, tiers, totals), len(COLUMNS))
    texts = dict(zip(COLUMNS, measured.common, strict=True)) if about.tensor_count > 1 else {}
    common = {name: text for name in COMMON if (text := texts.get(name))}
    out = terminal.console()
    out.print(_headline(about), style="bold", soft_wrap=True)
    out.print()
    out.print(summary([*_facts(about, checksums), *_common(common)]))
    if len(tiers) > 1 or tiers[0].metrics:
        out.print()
        terminal.show(_tiers(tiers, about.tier))
    if measured.rows:
        out.print()
        widths = dict(zip(COLUMNS, measured.widths, strict=True))
        _tensors(facts, about, totals, {name: width for name, width in widths.items() if width and name not in common})
    if about.factor_count:
        out.print()
        columns.show_filled(FACTOR_COLUMNS, lambda: (_factor(factor, tiers) for factor in facts.factors()), left=LEFT)
    shared = tuple(f"tier {tier}" for tier in range(len(tiers))) if 1 < len(tiers) <= SHOWN_TIERS else ()
    if any(group.tensors > 1 for group in facts.groups()):
        out.print()
        titles = (*GROUP_COLUMNS[:-1], *shared, GROUP_COLUMNS[-1])
        columns.show_filled(
            titles, lambda: (_group(group, len(shared)) for group in facts.groups() if group.tensors > 1)
        )


def values(dtype: str, format: str | None, step: float | None, offsets: Sequence[int] | None) -> str:
    """Describe how values are written: ``f16``, ``step 0.125``, or the dtype."""
    if step is None:
        return format or dtype
    text = f"step {step:.4g}"
    return f"{text}, offsets on {terminal.axes(offsets)}" if offsets else text


def written(tensor: TensorFacts) -> str:
    """Describe how the values of a tensor are written; see :func:`values`."""
    return values(tensor.dtype, tensor.format, tensor.step, tensor.offsets)


def bases(kinds: Sequence[str] | None) -> str:
    """Describe the bases of a tensor's axes: one word if all are the same; empty if there are none."""
    return " ".join(kinds if len(set(kinds)) > 1 else kinds[:1]) if kinds else ""


def kept(tensor: TensorFacts, tiers: Sequence[TierFacts]) -> str:
    """Describe the part of a core in each tier, with absent tiers in brackets; empty if all contain the whole core."""
    own = "separate in each" if tensor.per_tier else ""
    cells = [count(k) for k in tensor.kept or ()] + [dims(corner) for corner in tensor.corners or ()]
    if len(set(cells)) > 1:
        cells = [cell if row.present else f"({cell})" for cell, row in zip(cells, tiers, strict=True)]
    else:
        cells = cells[:1]
    shown = " ".join(cells if len(cells) <= SHOWN_TIERS else [*cells[: SHOWN_TIERS - 1], "…", cells[-1]])
    return ": ".join(filter(None, (own, shown)))


def compared(ratio: float, what: str) -> str:
    """Compare a size with one that is ``ratio`` times as large: ``81,111× smaller than dense f32``."""
    if f"{ratio:.3g}" == "1":
        return f"as large as {what}"
    times, side = (ratio, "smaller") if ratio > 1 or not ratio else (1 / ratio, "larger")
    return f"{times:,.0f}× {side} than {what}" if times >= 100 else f"{times:.3g}× {side} than {what}"


def bits(value: float | None) -> str:
    """Format bits per parameter: ``0.000393``, ``2.51``, ``32``; empty if there are no parameters."""
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def summary(lines: Sequence[tuple[str, str]]) -> Table:
    """Return a table of labels and their values."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, text)
    return grid


def _headline(about: FileFacts) -> str:
    part = f"{count(about.bytes_used)} of " if about.bytes_used != about.bytes else ""
    size = part + count(about.bytes, "byte")
    text = f"{clean(about.file)}: {size} for {count(about.weights, 'weight')}"
    if about.weights:
        text += f", {compared(about.ratio, 'dense f32')}"
    return text


def _facts(about: FileFacts, checksums: Checksums) -> Iterator[tuple[str, str]]:
    aliases = about.alias_count
    also = f", {count(aliases, 'alias', 'aliases')}" if aliases else ""
    also += f", {count(about.factor_count, 'factor')}" if about.factor_count else ""
    dense = count(about.dense_f32_bytes, "byte")
    yield "tensors", f"{count(about.tensor_count - aliases)}{also}, {dense} as dense f32"
    each = f", {bits(about.bits_per_parameter)} bits per parameter" if about.weights else ""
    yield "stored", count(about.numbers, "value") + each
    directory = about.directory
    inflated = f", {count(directory.inflated)} inflated" if directory.deflated else ""
    yield (
        "directory",
        f"{count(directory.stored, 'byte')}{inflated}, {count(directory.framed)} with header and checksum",
    )
    yield "checksums", _checksums(checksums)
    told = without_metrics(about.metadata, len(about.tiers))
    for index, (key, text) in enumerate(told.items()):
        yield "metadata" if index == 0 else "", f"{clean(key)}: {clean(text)}"


def _common(common: dict[str, str]) -> Iterator[tuple[str, str]]:
    if common:
        yield "each tensor", ", ".join(f"{name} {text}" for name, text in common.items())


def _checksums(facts: Checksums) -> str:
    segments = count(facts.segment_count, "segment")
    if facts.segments == "unchecked":
        return f"directory matches; {segments} not read; check them with `frformat verify`"
    if facts.segments == "damaged":
        return f"directory matches; DAMAGE in {segments}; see `frformat dump --bytes`"
    return f"directory and {segments} match"


def _row(tensor: TensorFacts, tiers: Sequence[TierFacts]) -> Row:
    """Return the cells of :data:`COLUMNS`."""
    name, shape = clean(tensor.name), dims(tensor.shape)
    if tensor.alias_of is not None:
        return [f"{name} → {clean(tensor.alias_of)}", shape, *[None] * (len(COLUMNS) - 2)]
    shared = not tensor.bytes_exact
    return [
        name,
        shape,
        "" if tensor.view is None else dims(tensor.view),
        bases(tensor.bases),
        "" if tensor.box is None else dims(tensor.box),
        kept(tensor, tiers),
        _nonzero(tensor),
        written(tensor),
        tensor.dtype,
        tensor.coder,
        str(tensor.group) if shared else "",
        f"{'≈' if shared else ''}{count(tensor.bytes)}",
        bits(tensor.bits_per_parameter),
    ]


def _nonzero(tensor: TensorFacts) -> str:
    return "" if tensor.nonzero is None else count(tensor.nonzero)


def _tiers(tiers: Sequence[TierFacts], chosen: int) -> Table:
    """Return a table of each tier's size, and of its metrics from the metadata."""
    names = list(dict.fromkeys(name for row in tiers for name in row.metrics))
    out = table("tier", "values", "ends at byte", *map(clean, names), "", left=("",))
    for row in tiers:
        state = "" if row.present else "absent: the file was cut before it"
        mark = "←" if len(tiers) > 1 and row.tier == chosen else state
        texts = [clean(row.metrics.get(name, "")) for name in names]
        texts = [count(int(text)) if NUMBER.fullmatch(text) else text for text in texts]
        out.add_row(str(row.tier), count(row.numbers), count(row.end), *texts, mark)
    return out


def _counted(facts: Survey, tiers: Sequence[TierFacts], totals: dict[str, int]) -> Iterator[Row]:
    """Yield all rows, and add up their numbers in ``totals``."""
    for tensor in facts.tensors():
        if tensor.alias_of is None:
            totals["numbers"] += tensor.numbers
            totals["nonzero"] += tensor.nonzero or 0
        yield _row(tensor, tiers)


def _tensors(facts: Survey, about: FileFacts, totals: dict[str, int], widths: dict[str, int]) -> None:
    """Print one line per tensor, then the totals."""
    size, weights = about.segment_bytes, about.weights
    total = {
        "tensor": "in all",
        "shape": count(weights),
        "kept": count(totals["numbers"]),
        "nonzero": count(totals["nonzero"]),
        "bytes": count(size),
        "bits": bits(8 * size / weights if weights else None),
    }
    places = [COLUMNS.index(name) for name in widths]
    rows = (_row(tensor, about.tiers) for tensor in facts.tensors())
    titles = ["kept per tier" if name == "kept" and len(about.tiers) > 1 else name for name in widths]
    chosen = ([row[place] for place in places] for row in rows)
    columns.show(titles, chosen, [*widths.values()], left=LEFT, total=[total.get(name, "") for name in widths])


def _factor(factor: TensorFacts, tiers: Sequence[TierFacts]) -> Row:
    """Return the cells of :data:`FACTOR_COLUMNS`."""
    return [
        str(factor.factor),
        dims(factor.shape),
        kept(factor, tiers),
        _nonzero(factor),
        written(factor),
        factor.coder,
        ("" if factor.bytes_exact else "≈") + count(factor.bytes),
    ]


def _group(group: GroupFacts, tiers: int) -> Row:
    """Return the cells of :data:`GROUP_COLUMNS`; the bytes of the first ``tiers`` tiers precede the last cell."""
    sizes = [*group.bytes_per_tier, *[0] * tiers][:tiers]
    return [
        str(group.group),
        count(group.tensors, "factor") if group.factors else count(group.tensors),
        bases(group.bases),
        "steps" if group.stepped else group.format or group.dtype,
        group.dtype,
        group.coder,
        *map(count, sizes),
        count(group.bytes),
    ]
