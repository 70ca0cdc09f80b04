"""Show a comparison as one HTML page with embedded pictures that works offline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from frformat.parity.facts import Facts
from frformat.parity.words import (
    TENSOR_COLUMNS,
    about,
    input_columns,
    input_rows,
    layer_columns,
    layer_rows,
    other,
    side_columns,
    side_rows,
    tensor_rows,
    verdict,
)

PICTURES: Final = 24
"""Number of inputs whose pictures are shown."""

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #15803d; --bad: #b91c1c }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.verdict { font-weight: 600; font-size: 1.1rem } .good { color: var(--good) } .bad { color: var(--bad) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .9rem .2rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.facts td { text-align: left; white-space: normal; overflow-wrap: break-word }
tr.marked td { color: var(--bad); font-weight: 600 }
h1, .verdict, .input { overflow-wrap: break-word }
.input { margin: 1rem 0; padding: .8rem 1rem; background: var(--soft); border-radius: .5rem }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem } figure { margin: 0 } figcaption { font-size: .85rem }
figure img { display: block; max-width: 100%; min-width: 6rem; image-rendering: pixelated; border-radius: .25rem }
"""

PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
<h1>{title}</h1><p class="verdict {grade}">{verdict}</p>
{sections}
</body></html>
"""


def page(facts: Facts, pictures: dict[str, dict[str, str]]) -> str:
    """Return the page.

    Args:
        facts: the results.
        pictures: for each input, the captions and data URIs of its pictures.
    """
    found = facts.comparison
    parted = set(found.parts_at.values())
    sections = [
        _section("Sides", _table(side_columns(facts), side_rows(facts))),
        _section("Where", _table(("", ""), about(facts))),
        _section("Inputs", _table(input_columns(facts), input_rows(facts))),
        _section(
            "Layers, in the order in which they are computed",
            _table(layer_columns(facts), layer_rows(facts), [row.name in parted for row in found.layers]),
        ),
        _section("Weights: original against rebuilt", _table(TENSOR_COLUMNS, tensor_rows(facts))),
        _section(
            "Pictures",
            "".join(_card(name, _captioned(shown, other(facts))) for name, shown in list(pictures.items())[:PICTURES]),
        ),
    ]
    return PAGE.format(
        title=escape(f"{facts.model}: {other(facts)} and desktop" if facts.phone else f"{facts.model}: desktop"),
        style=STYLE,
        grade="good" if found.equal else "bad",
        verdict=escape(verdict(facts)),
        sections="\n".join(section for section in sections if section),
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}" if content else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[bool] = ()) -> str:
    lines = [_row("td", row, bool(marked) and marked[index]) for index, row in enumerate(rows)]
    head = _row("th", columns) if any(columns) else ""
    kind = "scroll" if head else "facts"
    return f'<div class="{kind}"><table>{head}{"".join(lines)}</table></div>' if lines else ""


def _row(cell: str, texts: Sequence[str], marked: bool = False) -> str:
    opening = '<tr class="marked">' if marked else "<tr>"
    return opening + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>\n"


def _captioned(shown: dict[str, str], phone: str) -> dict[str, str]:
    return {phone if caption == "phone" else caption: uri for caption, uri in shown.items()}


def _card(name: str, shown: dict[str, str]) -> str:
    figures = "".join(
        f'<figure><img src="{escape(uri)}" alt="{escape(caption)} of {escape(name)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, uri in shown.items()
    )
    return f'<div class="input">{escape(name)}<div class="pictures">{figures}</div></div>\n'
