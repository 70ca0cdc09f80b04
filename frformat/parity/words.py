"""What a comparison found, as rows of text for tables on any medium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Row = tuple[str, ...]

INPUT_COLUMNS: Final = (
    "input", "largest difference", "mean", "other class", "score desktop", "score phone", "ms desktop", "ms phone",
)  # fmt: skip
LAYER_COLUMNS: Final = ("layer", "phone − desktop", "rebuilt − original")
TENSOR_COLUMNS: Final = ("tensor", "shape", "largest difference", "relative")
SIDES: Final = {"original": "original weights", "rebuilt": "rebuilt weights", "phone": "phone"}


def verdict(facts: dict[str, Any]) -> str:
    """The result in one sentence."""
    summary, count = facts["summary"]["phone"], len(facts["inputs"])
    inputs = f"{count:,} input{'' if count == 1 else 's'}"
    if not facts["phone"]:
        return f"{inputs} on the desktop; no phone was asked"
    failed = sum(row["error"] is not None for row in facts["inputs"])
    if failed:
        return f"the phone failed on {failed} of {inputs}"
    word = "agree" if facts["equal"] else "differ"
    text = f"phone and desktop {word} on {inputs}"
    if summary and summary["largest"] is not None:
        text += f": largest difference {number(summary['largest'])}, {number(facts['tolerance'])} allowed"
    if summary and summary["places"]:
        text += f"; {apart(summary)} get another class"
    return text


def side_rows(facts: dict[str, Any]) -> Iterator[Row]:
    """Scores, times and memory of both sides."""
    desktop, phone = facts["desktop"], facts["phone"] or {"load": {}, "memory": {}}
    score, spent = facts["summary"]["score"], facts["summary"]["ms"]
    for side in ("original", "rebuilt"):
        if side in score:
            other = score.get("phone") if side == "rebuilt" else None
            yield f"mean score, {SIDES[side]}", number(score[side], 5), number(other, 5)
    yield "one input, median ms", number(spent.get("rebuilt")), number(spent.get("phone"))
    for key in ("total", "skeleton", "decode", "hand_over", "first_forward"):
        here, there = desktop["load"].get(key), phone["load"].get(key)
        if here is not None or there is not None:
            yield f"loading, {key.replace('_', ' ')}, ms", number(here), number(there)
    for key in ("before", "loaded", "peak"):
        if phone["memory"].get(key):
            yield f"memory, {key}, MiB", "", f"{phone['memory'][key] / 2**20:,.0f}"


def about(facts: dict[str, Any]) -> Iterator[Row]:
    """Versions, device and files."""
    for key, value in facts["desktop"]["about"].items():
        yield f"desktop {key}", str(value)
    if facts["phone"]:
        for key, value in facts["phone"]["about"].items():
            yield key.replace(".", " ").replace("_", " "), str(value)
        for key in ("skeleton", "weights"):
            file = facts["phone"][key]
            if file:
                yield key, f"{file['file']}, {file['bytes']:,} bytes, CRC-32 {file['crc32']}"


def input_rows(facts: dict[str, Any]) -> Iterator[Row]:
    """One row for each input."""
    for row in facts["inputs"]:
        pair, score, spent = row["phone"] or {}, row["score"], row["ms"]
        yield (
            row["name"],
            row["error"] or number(pair.get("largest")),
            number(pair.get("mean")),
            apart(pair) if pair.get("places") else "",
            number(score.get("rebuilt"), 5),
            number(score.get("phone"), 5),
            number(spent.get("rebuilt")),
            number(spent.get("phone")),
        )


def layer_rows(facts: dict[str, Any]) -> Iterator[Row]:
    """One row for each layer: differences as a share of its largest element."""
    for row in facts["layers"]:
        yield row["name"], number(row.get("phone")), number(row.get("original"))


def tensor_rows(facts: dict[str, Any]) -> Iterator[Row]:
    """One row for each weight."""
    for row in facts["tensors"]:
        shape = "×".join(map(str, row["shape"])) or "scalar"
        yield row["name"], shape, number(row["largest"]), number(row["relative"])


def apart(pair: dict[str, Any]) -> str:
    """``12 of 613,760 (0.002 %)``."""
    share = 100 * pair["classes_apart"] / pair["places"]
    return f"{pair['classes_apart']:,} of {pair['places']:,}" + (f" ({number(share)} %)" if share else "")


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits that count; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 and value < 1e15 else f"{value:.{digits}g}"
