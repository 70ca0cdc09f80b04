"""Show one tensor for ``frformat dump FILE NAME``: facts, then coefficients with bars, axes, or the first values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from frformat.cli import terminal
from frformat.cli.dump.facts import TensorFacts, TierFacts
from frformat.cli.dump.listing import bases, bits, kept, summary, written
from frformat.cli.dump.tensor import AxisFacts, Numbers, SpectralContent
from frformat.cli.terminal import dims, table
from frformat.wording import clean, count

if TYPE_CHECKING:
    from rich.table import Table

SHOWN: Final = 64
"""Number of coefficients to print; ``--json`` has all of them."""

WIDTH: Final = 24
"""Width of the longest bar in characters."""

EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def show(tensor: TensorFacts, content: SpectralContent | Numbers, tiers: Sequence[TierFacts]) -> None:
    """Print one tensor.

    Args:
        tensor: its description from the directory.
        content: its content.
        tiers: the tiers of the file.
    """
    screen = terminal.console()
    title = clean(tensor.name) + (f" → {clean(tensor.alias_of)}" if tensor.alias_of is not None else "")
    screen.print(title, style="bold", soft_wrap=True)
    screen.print()
    more = _spectral(content) if isinstance(content, SpectralContent) else _numbers(tensor, content)
    screen.print(summary([*_directory(tensor, content.nonzero, tiers), *more]))
    if isinstance(content, Numbers):
        if content.axes is not None:
            screen.print()
            terminal.show(_axes(content.axes))
    elif content.coefficients:
        screen.print()
        terminal.show(_coefficients(content))
        if tensor.numbers > SHOWN:
            screen.print(f"… {count(tensor.numbers - SHOWN)} more; --json has all of them")


def bar(share: float, width: int = WIDTH) -> str:
    """Return a bar that fills ``share`` (0 to 1) of ``width`` characters, to the nearest eighth of a character."""
    full, part = divmod(round(share * width * 8), 8)
    return "█" * full + EIGHTHS[part].strip()


def _directory(tensor: TensorFacts, nonzero: int, tiers: Sequence[TierFacts]) -> Iterator[tuple[str, str]]:
    yield "shape", dims(tensor.shape)
    if tensor.view is not None:
        yield "view", dims(tensor.view)
    yield "dtype", tensor.dtype
    if tensor.bases:
        yield "bases", bases(tensor.bases)
    stored = f"{written(tensor)}, coder {tensor.coder}, group {tensor.group}"
    if tensor.alias_of is None:
        stored += f", {'' if tensor.bytes_exact else 'about '}{count(tensor.bytes, 'byte')}"
        if tensor.bits_per_parameter is not None:
            stored += f", {bits(tensor.bits_per_parameter)} bits per parameter"
    yield "stored", stored
    what = count(tensor.numbers, "coefficient" if tensor.kind == "spectrum" else "value")
    each = kept(tensor, tiers) if len(tiers) > 1 else ""
    yield "kept", f"{what}, {count(nonzero)} not 0" + (f" (per tier: {each})" if each else "")
    if tensor.box is not None:
        yield "box", dims(tensor.box)


def _spectral(content: SpectralContent) -> Iterator[tuple[str, str]]:
    yield "weights", f"root mean square {content.rms:.6g}"


def _numbers(tensor: TensorFacts, content: Numbers) -> Iterator[tuple[str, str]]:
    of = "magnitude " if tensor.kind == "plain" and tensor.dtype in ("c64", "c128") else ""
    if content.min is not None:
        yield "range", f"{of}{_value(content.min)} … {_value(content.max)}, mean {_value(content.mean)}"
    if content.not_finite:
        yield "not finite", count(content.not_finite, "value")
    if content.first:
        more = " …" if content.more else ""
        yield "values" if tensor.kind == "plain" else "core", " ".join(map(_value, content.first)) + more


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"{complex(*value):.6g}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _axes(axes: Sequence[AxisFacts]) -> Table:
    """Return one line per axis of the view."""
    out = table("axis", "basis", "length", "entries", "", left=("basis", ""))
    for number, axis in enumerate(axes):
        argument = f"factor {axis.factor}" if axis.factor is not None else ""
        argument += f"seed {axis.seed}" if axis.seed is not None else ""
        out.add_row(str(number), axis.basis, count(axis.length), count(axis.entries), argument)
    return out


def _coefficients(content: SpectralContent) -> Table:
    """Return one line per coefficient; ``energy`` is the share of the energy in the coefficients up to this one."""
    from rich.text import Text

    columns = (content.indices, content.coefficients, content.cumulative_energy)
    largest = max(map(abs, content.coefficients)) or 1.0
    out = table("#", "index", "coefficient", "energy", "magnitude", left=("index", "magnitude"))
    for number, (index, value, energy) in enumerate(islice(zip(*columns, strict=True), SHOWN)):
        bar_style = "red" if value < 0 else "green"
        cells = (count(number), " ".join(map(str, index)), f"{value:.6g}", f"{100 * energy:.2f} %")
        out.add_row(*cells, Text(bar(abs(value) / largest), bar_style))
    return out
