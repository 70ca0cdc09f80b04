"""Describe the results of a comparison as rows of text for tables, whether in a terminal or on a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from frformat.parity.facts import Apart, Facts
from frformat.wording import count

Row = tuple[str, ...]

DESKTOPS: Final = ("Linux", "Darwin", "Windows")
"""Operating systems of reports that were not created on a phone."""

TENSOR_COLUMNS: Final = ("tensor", "shape", "largest difference", "relative")


def other(facts: Facts) -> str:
    """Return what is compared with the desktop: ``phone``, or ``runtime`` if a phone's runtime ran on a desktop."""
    return "runtime" if facts.phone and facts.phone.about.get("device.os") in DESKTOPS else "phone"


def sides(facts: Facts) -> dict[str, str]:
    """Return the names of the sides."""
    return {"original": "original weights", "rebuilt": "rebuilt weights", "phone": other(facts)}


def side_columns(facts: Facts) -> Row:
    """Return the titles of :func:`side_rows`."""
    return "", "desktop", other(facts)


def input_columns(facts: Facts) -> Row:
    """Return the titles of :func:`input_rows`."""
    name = other(facts)
    measures = "largest difference", "mean", "other class"
    return "input", *measures, "score desktop", f"score {name}", "ms desktop", f"ms {name}"


def layer_columns(facts: Facts) -> Row:
    """Return the titles of :func:`layer_rows`."""
    return "layer", f"{other(facts)} − desktop", "rebuilt − original"


def verdict(facts: Facts) -> str:
    """Describe the result in one sentence."""
    found = facts.comparison
    total = found.summary.phone
    inputs = count(len(found.inputs), "input")
    if facts.phone is None:
        return f"{inputs} on the desktop; no phone was compared"
    failed = sum(row.error is not None for row in found.inputs)
    if failed:
        return f"the {other(facts)} failed on {failed} of {inputs}"
    word = "agree" if found.equal else "differ"
    text = f"{other(facts)} and desktop {word} on {inputs}"
    if total and total.largest is not None:
        text += f": largest difference {number(total.largest)}, {number(found.tolerance)} allowed"
    if total and total.places:
        text += f"; {classes(total)} get a different class"
    return text


def side_rows(facts: Facts) -> Iterator[Row]:
    """Yield the scores, times and memory of both sides."""
    score, spent = facts.comparison.summary.score, facts.comparison.summary.ms
    load, memory = (facts.phone.load, facts.phone.memory) if facts.phone else ({}, {})
    for side in ("original", "rebuilt"):
        if side in score:
            theirs = score.get("phone") if side == "rebuilt" else None
            yield f"mean score, {sides(facts)[side]}", number(score[side], 5), number(theirs, 5)
    yield "one input, median ms", number(spent.get("rebuilt")), number(spent.get("phone"))
    for key in ("total", "skeleton", "decode", "hand_over", "first_forward"):
        here, there = facts.load.get(key), load.get(key)
        if here is not None or there is not None:
            yield f"loading, {key.replace('_', ' ')}, ms", number(here), number(there)
    for key in ("before", "loaded", "peak"):
        if memory.get(key):
            yield f"memory, {key}, MiB", "", f"{memory[key] / 2**20:,.0f}"


def about(facts: Facts) -> Iterator[Row]:
    """Yield the versions, the device and the files."""
    for key, value in facts.about.items():
        yield f"desktop {key}", str(value)
    if facts.phone:
        for key, told in facts.phone.about.items():
            yield key.replace(".", " ").replace("_", " "), str(told)
        for key, file in (("skeleton", facts.phone.skeleton), ("weights", facts.phone.weights)):
            if file:
                yield key, f"{file.file}, {file.bytes:,} bytes, CRC-32 {file.crc32}"


def input_rows(facts: Facts) -> Iterator[Row]:
    """Yield one row for each input."""
    for row in facts.comparison.inputs:
        apart = row.phone or Apart(None, None, None, None, None)
        yield (
            row.name,
            row.error or number(apart.largest),
            number(apart.mean),
            classes(apart),
            number(row.score.get("rebuilt"), 5),
            number(row.score.get("phone"), 5),
            number(row.ms.get("rebuilt")),
            number(row.ms.get("phone")),
        )


def layer_rows(facts: Facts) -> Iterator[Row]:
    """Yield one row for each layer: differences relative to its largest element."""
    for row in facts.comparison.layers:
        yield row.name, number(row.apart.get("phone")), number(row.apart.get("original"))


def tensor_rows(facts: Facts) -> Iterator[Row]:
    """Yield one row for each weight."""
    for row in facts.tensors:
        shape = "×".join(map(str, row.shape)) or "scalar"
        yield row.name, shape, number(row.largest), number(row.relative)


def classes(apart: Apart) -> str:
    """Format class differences: ``12 of 613,760 (0.002 %)``; empty if no classes are known."""
    if not apart.places or apart.classes_apart is None:
        return ""
    share = 100 * apart.classes_apart / apart.places
    return f"{apart.classes_apart:,} of {apart.places:,}" + (f" ({number(share)} %)" if share else "")


def number(value: float | None, digits: int = 3) -> str:
    """Format a number with this many significant digits; empty for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 and value < 1e15 else f"{value:.{digits}g}"
