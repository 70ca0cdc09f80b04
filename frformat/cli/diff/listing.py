"""How ``frformat diff`` shows two files: a line for each tensor in which they differ, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from frformat.cli import terminal
from frformat.cli.dump.listing import bases, values
from frformat.cli.terminal import clean, count, dims, table

if TYPE_CHECKING:
    from rich.table import Table


def show(found: dict[str, Any]) -> None:
    """Print what :func:`frformat.cli.diff.comparison.compare` found."""
    screen = terminal.console()
    for sign, path, size, notes in zip("-+", found["files"], found["bytes"], found["notes"], strict=True):
        screen.print(f"{sign} {clean(path)}: {count(size, 'byte')}", style="bold", soft_wrap=True)
        for note in notes:
            screen.print(f"  {clean(note)}", style="dim", soft_wrap=True)
    lines = _tensors(found)
    if lines.row_count:
        screen.print()
        terminal.show(lines)
    for key, pair in found["metadata"].items():
        for sign, text in zip("-+", pair, strict=True):
            if text is not None:
                screen.print(f"{sign} metadata {clean(key)}: {clean(text)}", soft_wrap=True)
    screen.print()
    screen.print(_verdict(found), style="bold", soft_wrap=True)


def _tensors(found: dict[str, Any]) -> Table:
    out = table("tensor", "difference", "largest", "relative", left=("tensor", "difference"), fold="tensor")
    for tensor in found["tensors"]:
        changes = list(_changes(tensor))
        if tensor["equal"] and not changes:
            continue
        differs = tensor["absolute"] is not None and tensor["absolute"] > 0
        numbers = [f"{tensor[key]:.3g}" if differs else "" for key in ("absolute", "relative")]
        style = None if tensor["equal"] else "red"
        out.add_row(clean(tensor["name"]), "; ".join(changes) or "weights", *numbers, style=style)
    for name in found["only_in_a"]:
        out.add_row(clean(name), "only in the first", "", "", style="red")
    for name in found["only_in_b"]:
        out.add_row(clean(name), "only in the second", "", "", style="red")
    return out


def _changes(tensor: dict[str, Any]) -> Iterator[str]:
    """What differs beside the weights."""
    if tensor["shape"][0] != tensor["shape"][1]:
        yield f"shape {' → '.join(map(dims, tensor['shape']))}"
    if tensor["dtype"][0] != tensor["dtype"][1]:
        yield f"dtype {' → '.join(tensor['dtype'])}"
    if all(tensor["stored"]):
        of_each = (("bases", _bases), ("values", values), ("kept", _kept), ("view", _view), ("coder", _coder))
        for label, of in of_each:
            before, after = map(of, tensor["stored"])
            if before != after:
                yield f"{label} {before} → {after}"


def _bases(stored: dict[str, Any]) -> str:
    return bases(stored["bases"]) or "none"


def _kept(stored: dict[str, Any]) -> str:
    return "all" if stored["kept"] is None else count(stored["kept"])


def _view(stored: dict[str, Any]) -> str:
    return "none" if stored["view"] is None else dims(stored["view"])


def _coder(stored: dict[str, Any]) -> str:
    return str(stored["coder"])


def _verdict(found: dict[str, Any]) -> str:
    within = f" within {found['tolerance']:g} of the largest weight" if found["tolerance"] else ""
    total = len(found["tensors"])
    if found["equal"]:
        return f"equal: {count(total, 'tensor')}{within}"
    different = sum(not tensor["equal"] for tensor in found["tensors"])
    parts = [f"{count(different)} of {count(total, 'tensor')} that both have{within}"] if different else []
    alone = len(found["only_in_a"]) + len(found["only_in_b"])
    parts += [f"{count(alone)} that only one has"] if alone else []
    return f"different: {', '.join(parts)}"
