"""Show the result of ``frformat diff``: a line for each tensor that differs, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from frformat.cli import columns, terminal
from frformat.cli.diff.comparison import FileDiff, TensorDiff
from frformat.cli.diff.sides import Stored
from frformat.cli.dump.listing import bases, values
from frformat.cli.terminal import dims
from frformat.wording import clean, count

TITLES: Final = ("tensor", "difference", "largest", "relative")

Row = tuple[str | None, ...]
"""The cells of a line."""

HOW: Final = ("bases", "values", "kept", "view", "coder")
"""The aspects in which the storage of a tensor can differ."""


def show(found: FileDiff) -> None:
    """Print the result of :func:`frformat.cli.diff.comparison.compare`."""
    screen = terminal.console()
    for sign, path, size, notes in zip("-+", found.files, found.bytes, found.notes, strict=True):
        screen.print(f"{sign} {clean(path)}: {count(size, 'byte')}", style="bold", soft_wrap=True)
        for note in notes:
            screen.print(f"  {clean(note)}", style="dim", soft_wrap=True)
    rows = _tensors(found)
    if rows:
        screen.print()
        widths = columns.measure(rows, len(TITLES)).widths
        columns.show(TITLES, rows, widths, left=TITLES[:2], red=lambda row: rows[tuple(row)])
    for key, pair in found.metadata.items():
        for sign, text in zip("-+", pair, strict=True):
            if text is not None:
                screen.print(f"{sign} metadata {clean(key)}: {clean(text)}", soft_wrap=True)
    screen.print()
    screen.print(_verdict(found), style="bold", soft_wrap=True)


def _tensors(found: FileDiff) -> dict[Row, bool]:
    """Return a row for each tensor that differs, and whether it is unequal."""
    out: dict[Row, bool] = {}
    for tensor in found.tensors:
        changes = list(_changes(tensor))
        if not tensor.equal or changes:
            numbers = [f"{number:.3g}" if tensor.absolute else "" for number in (tensor.absolute, tensor.relative)]
            out[(clean(tensor.name), "; ".join(changes) or "weights", *numbers)] = not tensor.equal
    for names, text in ((found.only_in_a, "only in the first"), (found.only_in_b, "only in the second")):
        out.update({(clean(name), text, "", ""): True for name in names})
    return out


def _changes(tensor: TensorDiff) -> Iterator[str]:
    """Yield the differences other than those of the weights."""
    if tensor.shape[0] != tensor.shape[1]:
        yield f"shape {' → '.join(map(dims, tensor.shape))}"
    if tensor.dtype[0] != tensor.dtype[1]:
        yield f"dtype {' → '.join(tensor.dtype)}"
    before, after = tensor.stored
    if before is not None and after is not None:
        for label, told, other in zip(HOW, _how(before), _how(after), strict=True):
            if told != other:
                yield f"{label} {told} → {other}"


def _how(stored: Stored) -> tuple[str, str, str, str, str]:
    """Describe how a tensor is stored, in the order of :data:`HOW`."""
    kept = "all" if stored.kept is None else count(stored.kept)
    view = "none" if stored.view is None else dims(stored.view)
    written = values(stored.dtype, stored.format, stored.step, stored.offsets)
    return bases(stored.bases) or "none", written, kept, view, stored.coder


def _verdict(found: FileDiff) -> str:
    within = f" within {found.tolerance:g} of the largest weight" if found.tolerance else ""
    total = len(found.tensors)
    if found.equal:
        return f"equal: {count(total, 'tensor')}{within}"
    different = sum(not tensor.equal for tensor in found.tensors)
    parts = [f"{count(different)} of {count(total, 'tensor')} that both have{within}"] if different else []
    alone = len(found.only_in_a) + len(found.only_in_b)
    parts += [f"{count(alone)} that only one has"] if alone else []
    return f"different: {', '.join(parts)}"
