"""How ``frformat dump FILE NAME`` shows one tensor: facts, then its coefficients with bars, or its first raw values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from frformat.cli import terminal
from frformat.cli.dump.facts import TensorFacts
from frformat.cli.dump.listing import summary, values
from frformat.cli.dump.tensor import RawContent, SpectralContent
from frformat.cli.terminal import clean, count, dims, table
from frformat.spectral.zigzag import element_count

if TYPE_CHECKING:
    from rich.table import Table

SHOWN: Final = 64
"""How many coefficients are printed; ``--json`` has all."""

WIDTH: Final = 24
"""Characters of the longest bar."""

EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def show(tensor: TensorFacts, content: SpectralContent | RawContent) -> None:
    """Print what the directory tells of one tensor, and its content."""
    screen = terminal.console()
    title = clean(tensor.name) + (f" → {clean(tensor.alias_of)}" if tensor.alias_of is not None else "")
    screen.print(title, style="bold", soft_wrap=True)
    screen.print()
    more = _spectral(tensor, content) if isinstance(content, SpectralContent) else _raw(tensor, content)
    screen.print(summary([*_directory(tensor), *more]))
    if isinstance(content, SpectralContent) and content.coefficients:
        screen.print()
        terminal.show(_coefficients(content))
        if content.kept_at_tier > SHOWN:
            screen.print(f"… {count(content.kept_at_tier - SHOWN)} more; --json has all of them")


def bar(share: float, width: int = WIDTH) -> str:
    """A bar of ``share`` (0 to 1) of ``width`` characters, to an eighth of a character."""
    full, part = divmod(round(share * width * 8), 8)
    return "█" * full + EIGHTHS[part].strip()


def _directory(tensor: TensorFacts) -> Iterator[tuple[str, str]]:
    yield "shape", dims(tensor.shape)
    if tensor.view is not None:
        yield "view", dims(tensor.view)
    yield "dtype", tensor.dtype
    about = "" if tensor.bytes_exact else "about "
    size = f"{about}{count(tensor.bytes, 'byte')}"
    yield "stored", f"{values(tensor.format, tensor.step)}, coder {tensor.coder}, group {tensor.group}, {size}"


def _spectral(tensor: TensorFacts, content: SpectralContent) -> Iterator[tuple[str, str]]:
    kept = tensor.kept or ()
    tiers = f" (per tier: {' '.join(map(count, kept))})" if len(kept) > 1 else ""
    yield "kept", count(content.kept_at_tier, "coefficient") + tiers
    if tensor.box is not None:
        yield "box", dims(tensor.box)
    yield "weights", f"root mean square {content.rms:.6g}"


def _raw(tensor: TensorFacts, content: RawContent) -> Iterator[tuple[str, str]]:
    of = "magnitude " if tensor.dtype in ("c64", "c128") else ""
    if content.min is not None:
        yield "range", f"{of}{_value(content.min)} … {_value(content.max)}, mean {_value(content.mean)}"
    if content.not_finite:
        yield "not finite", count(content.not_finite, "value")
    if content.first:
        more = " …" if element_count(tensor.shape) > len(content.first) else ""
        yield "values", " ".join(map(_value, content.first)) + more


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"{complex(*value):.6g}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _coefficients(content: SpectralContent) -> Table:
    """One line per coefficient: ``energy`` is the share that it and those before it hold."""
    from rich.text import Text

    columns = (content.indices, content.coefficients, content.cumulative_energy)
    largest = max(map(abs, content.coefficients)) or 1.0
    out = table("#", "index", "coefficient", "energy", "magnitude", left=("index", "magnitude"))
    for number, (index, value, energy) in enumerate(islice(zip(*columns, strict=True), SHOWN)):
        bar_style = "red" if value < 0 else "green"
        cells = (count(number), " ".join(map(str, index)), f"{value:.6g}", f"{100 * energy:.2f} %")
        out.add_row(*cells, Text(bar(abs(value) / largest), bar_style))
    return out
