"""Build HTML pages that contain tables and pictures and work offline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

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


def document(title: str, verdict: str, good: bool, sections: Iterable[str]) -> str:
    """Return a page with a title, a verdict, and the sections that are not empty."""
    return PAGE.format(
        title=escape(title),
        style=STYLE,
        grade="good" if good else "bad",
        verdict=escape(verdict),
        sections="\n".join(section for section in sections if section),
    )


def section(title: str, content: str) -> str:
    """Return a section, or an empty string if there is no content."""
    return f"<h2>{escape(title)}</h2>\n{content}" if content else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[bool] = ()) -> str:
    """Return a table with the marked rows in the color of errors, or an empty string if there are no rows."""
    lines = [_row("td", row, bool(marked) and marked[index]) for index, row in enumerate(rows)]
    head = _row("th", columns) if any(columns) else ""
    kind = "scroll" if head else "facts"
    return f'<div class="{kind}"><table>{head}{"".join(lines)}</table></div>' if lines else ""


def _row(cell: str, texts: Sequence[str], marked: bool = False) -> str:
    opening = '<tr class="marked">' if marked else "<tr>"
    return opening + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>\n"
