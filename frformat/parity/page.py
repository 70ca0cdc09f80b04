"""Show a comparison as one HTML page with embedded pictures that works offline."""

from __future__ import annotations

from html import escape
from typing import Final

from frformat.parity.facts import Facts
from frformat.parity.markup import document, section, table
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


def page(facts: Facts, pictures: dict[str, dict[str, str]]) -> str:
    """Return the page.

    Args:
        facts: the results.
        pictures: for each input, the captions and data URIs of its pictures.
    """
    found = facts.comparison
    parted = set(found.parts_at.values())
    sections = [
        section("Sides", table(side_columns(facts), side_rows(facts))),
        section("Where", table(("", ""), about(facts))),
        section("Inputs", table(input_columns(facts), input_rows(facts))),
        section(
            "Layers, in the order in which they are computed",
            table(layer_columns(facts), layer_rows(facts), [row.name in parted for row in found.layers]),
        ),
        section("Weights: original against rebuilt", table(TENSOR_COLUMNS, tensor_rows(facts))),
        section(
            "Pictures",
            "".join(_card(name, _captioned(shown, other(facts))) for name, shown in list(pictures.items())[:PICTURES]),
        ),
    ]
    title = f"{facts.model}: {other(facts)} and desktop" if facts.phone else f"{facts.model}: desktop"
    return document(title, verdict(facts), found.equal, sections)


def _captioned(shown: dict[str, str], phone: str) -> dict[str, str]:
    return {phone if caption == "phone" else caption: uri for caption, uri in shown.items()}


def _card(name: str, shown: dict[str, str]) -> str:
    figures = "".join(
        f'<figure><img src="{escape(uri)}" alt="{escape(caption)} of {escape(name)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, uri in shown.items()
    )
    return f'<div class="input">{escape(name)}<div class="pictures">{figures}</div></div>\n'
