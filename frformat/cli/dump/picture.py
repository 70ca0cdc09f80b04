"""How ``frformat dump FILE NAME`` shows one tensor: facts, then its coefficients with bars, or its first raw values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from frformat.cli import terminal
from frformat.cli.dump.listing import summary, values
from frformat.cli.terminal import clean, count, dims, table
from frformat.spectral.zigzag import element_count

if TYPE_CHECKING:
    from rich.table import Table

SHOWN: Final = 64
"""How many coefficients are printed; ``--json`` has all."""

WIDTH: Final = 24
"""Characters of the longest bar."""

EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def show(tensor: dict[str, Any]) -> None:
    """Print the facts of one tensor, those of the directory and those of its content."""
    screen = terminal.console()
    title = clean(tensor["name"]) + (f" → {clean(tensor['alias_of'])}" if tensor["alias_of"] is not None else "")
    screen.print(title, style="bold", soft_wrap=True)
    screen.print()
    screen.print(summary([*_directory(tensor), *(_spectral(tensor) if tensor["coding"] == "dct" else _raw(tensor))]))
    if tensor["coding"] == "dct" and tensor["coefficients"]:
        screen.print()
        terminal.show(_coefficients(tensor))
        if tensor["kept_at_tier"] > SHOWN:
            screen.print(f"… {count(tensor['kept_at_tier'] - SHOWN)} more; --json has all of them")


def bar(share: float, width: int = WIDTH) -> str:
    """A bar of ``share`` (0 to 1) of ``width`` characters, to an eighth of a character."""
    full, part = divmod(round(share * width * 8), 8)
    return "█" * full + EIGHTHS[part].strip()


def _directory(tensor: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "shape", dims(tensor["shape"])
    if tensor["view"] is not None:
        yield "view", dims(tensor["view"])
    yield "dtype", tensor["dtype"]
    about = "" if tensor["bytes_exact"] else "about "
    size = f"{about}{count(tensor['bytes'], 'byte')}"
    yield "stored", f"{values(tensor)}, coder {tensor['coder']}, group {tensor['group']}, {size}"


def _spectral(tensor: dict[str, Any]) -> Iterator[tuple[str, str]]:
    tiers = f" (per tier: {' '.join(map(count, tensor['kept']))})" if len(tensor["kept"]) > 1 else ""
    yield "kept", count(tensor["kept_at_tier"], "coefficient") + tiers
    if tensor["box"] is not None:
        yield "box", dims(tensor["box"])
    yield "weights", f"root mean square {tensor['rms']:.6g}"


def _raw(tensor: dict[str, Any]) -> Iterator[tuple[str, str]]:
    of = "magnitude " if tensor["dtype"] in ("c64", "c128") else ""
    if tensor["min"] is not None:
        yield "range", f"{of}{_value(tensor['min'])} … {_value(tensor['max'])}, mean {_value(tensor['mean'])}"
    if tensor["not_finite"]:
        yield "not finite", count(tensor["not_finite"], "value")
    if tensor["first"]:
        more = " …" if element_count(tensor["shape"]) > len(tensor["first"]) else ""
        yield "values", " ".join(map(_value, tensor["first"])) + more


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"{complex(*value):.6g}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _coefficients(tensor: dict[str, Any]) -> Table:
    """One line per coefficient: ``energy`` is the share that it and those before it hold."""
    from rich.text import Text

    columns = (tensor["indices"], tensor["coefficients"], tensor["cumulative_energy"])
    largest = max(map(abs, tensor["coefficients"])) or 1.0
    out = table("#", "index", "coefficient", "energy", "magnitude", left=("index", "magnitude"))
    for number, (index, value, energy) in enumerate(islice(zip(*columns, strict=True), SHOWN)):
        bar_style = "red" if value < 0 else "green"
        cells = (count(number), " ".join(map(str, index)), f"{value:.6g}", f"{100 * energy:.2f} %")
        out.add_row(*cells, Text(bar(abs(value) / largest), bar_style))
    return out
