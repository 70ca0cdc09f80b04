"""Write section 17 of the specification, a file explained byte by byte, from the file itself.

``python -m tests.vectors.example`` prints it; ``… --write`` updates ``spec/format.md``.
"""

from __future__ import annotations

import sys
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.vectors import adaptive, meaning, msgpack, trace
from tests.vectors.appendix import DICTIONARY, SPECIFICATION
from tests.vectors.frz import FIELDS, GROUPS, METADATA, TIERS, front_coded
from tests.vectors.msgpack import Map
from tests.vectors.numbers import BASES, CODERS, DTYPES, number
from tests.vectors.valid.files import EXAMPLE

HEADING: Final = "## 17 A file explained byte by byte"
COLUMNS: Final = "| | counter | range | code | p | bound | bit | new p |\n|---|---|---|---|---|---|---|---|"
VALUES: Final = "| | e | s | z | guess | q |\n|---|---|---|---|---|---|"
Row = tuple[bytes, str]


def hexdump(data: bytes) -> Iterator[str]:
    """Yield sixteen bytes per line, preceded by their offset."""
    for at in range(0, len(data), 16):
        yield f"{at:04x}  {data[at : at + 16].hex(' ')}"


def table(rows: list[Row], start: int) -> Iterator[str]:
    """Yield rows of offset, bytes and meaning."""
    yield "| offset | bytes | |"
    yield "|---|---|---|"
    for data, text in rows:
        yield f"| {start:04x} | `{data.hex(' ')}` | {text} |"
        start += len(data)


def header_rows(data: bytes) -> list[Row]:
    """Return the fourteen bytes at the start."""
    stored, length = (int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    return [
        (data[:4], "magic"),
        (data[4:5], "version 1"),
        (data[5:6], "flags: the directory is deflated"),
        (data[6:10], f"size as stored: {stored} bytes"),
        (data[10:14], f"size when inflated: {length} bytes"),
    ]


def directory_rows() -> list[Row]:
    """Return the inflated directory."""
    tree = EXAMPLE.tree()
    rows: list[Row] = [(_head(tree), f"a map of {len(tree)} pairs")]
    for key, value in tree:
        if key == TIERS:
            rows.append((msgpack.pack(key) + msgpack.pack(value), f"key {key}, tiers: {value}"))
        elif key == GROUPS:
            rows.append((msgpack.pack(key) + _head(value), f"key {key}, groups: an array of {len(value)}"))
            for place, group in enumerate(value):
                rows.append((_head(group), f"group {place}: a map of {len(group)} pairs"))
                rows += [row for field, inner in group for row in _field(place, field, inner)]
        else:
            assert key == METADATA
            rows.append((msgpack.pack(key) + _head(value), f"key {key}, metadata: a map of one pair"))
            texts = [text for pair in value for text in pair]
            rows += [(msgpack.pack(text), f"a string of {len(text)} bytes: `{text}`") for text in texts]
    assert b"".join(data for data, _ in rows) == EXAMPLE.directory()
    return rows


def _field(group: int, key: int, value: Any) -> Iterator[Row]:
    tensor = EXAMPLE.groups[group].tensors[0]
    name = FIELDS[key]
    data = msgpack.pack(key) + msgpack.pack(value)
    if name == "names":
        assert value == front_coded([tensor.name])
        yield msgpack.pack(key) + _head(value), "names, two entries for one name:"
        yield msgpack.pack(value[0]), "0 bytes shared with the previous name, then"
        yield msgpack.pack(value[1]), f"a string of {len(value[1])} bytes: `{value[1]}`"
        return
    texts = {
        "dtype": lambda: f"dtype {value}: `{DTYPES[value]}`",
        "shapes": lambda: f"shapes: one, ({', '.join(map(str, value[0]))})",
        "bases": lambda: f"bases: {value[0]}, `{BASES[value[0]]}`, for every axis",
        "kept": lambda: f"kept: {value[0][0]} coefficients of the only tensor in tier 0, and {value[1][0]} in tier 1",
        "per_tier": lambda: "per_tier: each tier stores the tensor again",
        "steps": lambda: f"steps: code −{-value[0]}, so a step of (16 + 0) · 2^(−3 − 4) = 0.125",
        "coder": lambda: f"coder {value}: `{CODERS[value]}`",
        "sizes": lambda: f"sizes: {value[0]} bytes in tier 0, {value[1]} in tier 1",
    }
    yield data, texts[name]()


def _head(value: Any) -> bytes:
    """Return the first byte of a map or an array."""
    return bytes([(0x80 if isinstance(value, Map) else 0x90) | len(value)])


def tier_rows(data: bytes, start: int, tier: int) -> list[Row]:
    """Return the segments of a tier, with their checksums."""
    rows = []
    for place, group in enumerate(EXAMPLE.groups):
        stored = group.segments(EXAMPLE.tiers)[tier]
        [block] = group.blocks(tier)
        numbers = block.values
        what = f"{len(numbers)} integers by coder `{group.coder}`"
        if not group.stepped:
            what = f"{_listed([number(group.dtype, pattern) for pattern in numbers])} as `{group.dtype}`"
        rows.append((stored, f"segment of group {place}: {what}"))
        crc = zlib.crc32(stored)
        end = start + len(stored) - 1
        rows.append((crc.to_bytes(4, "little"), f"CRC-32 of the bytes {start:04x} to {end:04x}: 0x{crc:08X}"))
        start = end + 5
    assert b"".join(part for part, _ in rows) == data
    return rows


def decoded() -> list[tuple[list[int], trace.Decoder]]:
    """Return the integers of each tier, and how they were decoded."""
    group = EXAMPLE.groups[0]
    model: adaptive.Model | None = None
    out = []
    for tier in range(EXAMPLE.tiers):
        data = group.segments(EXAMPLE.tiers)[tier]
        if model is None:
            model, data = adaptive.Model(data[0]), data[1:]
        decoder = trace.Decoder(data)
        [block] = group.blocks(tier)
        out.append((decoder.block(model, block.shape), decoder))
        assert out[-1][0] == block.values
    return out


def value_rows(values: Sequence[trace.Value], first: int) -> Iterator[str]:
    """Yield values as lines of a table."""
    for line, value in enumerate(values, first):
        cells = (value.level, value.scale, value.scale >> 1, value.guess, value.q)
        yield f"| {line} | {' | '.join(f'{cell}'.replace('-', '−') for cell in cells)} |"


def trace_rows(steps: list[trace.Step], first: int) -> Iterator[str]:
    """Yield steps as lines of a table."""
    for line, step in enumerate(steps, first):
        p = "" if step.p is None else f"{step.p}"
        after = "" if step.p_after is None else f"{step.p_after}"
        hexes = " | ".join(f"{n:08X}" for n in (step.range, step.code))
        yield f"| {line} | {step.what} | {hexes} | {p} | {step.bound:08X} | {step.bit} | {after} |"


def section() -> str:
    """Return all of section 17."""
    data = EXAMPLE.bytes()
    head, inflated = EXAMPLE.head(), EXAMPLE.directory()
    stored = head[14:-4]
    assert zlib.decompressobj(-15, zdict=DICTIONARY).decompress(stored) == inflated
    first, second = (b"".join(part) for part in EXAMPLE.parts())
    crc = zlib.crc32(head[:-4])
    (tier0, one), (tier1, two) = decoded()
    count = len(one.steps)
    scale = EXAMPLE.groups[0].segments(EXAMPLE.tiers)[0][0]
    core = meaning.core(EXAMPLE.groups[0], EXAMPLE.groups[0].tensors[0], 1)
    assert core.values is not None
    weight = meaning.reference(EXAMPLE, EXAMPLE.groups[0], EXAMPLE.groups[0].tensors[0], 1)[0][0]
    lines = [
        HEADING,
        "",
        *_wrapped(
            "[`vectors/valid/example.frz`](vectors/valid/example.frz) holds, in two tiers, the spectrum of a "
            "convolution's 36 weights, two running means that differ from tier to tier, and one line of metadata:"
        ),
        "",
        "```",
        *hexdump(data),
        "```",
        "",
        "**Header**",
        "",
        *table(header_rows(data), 0),
        "",
        "**Directory**",
        "",
        *table(
            [
                (stored, "the directory, one block of DEFLATE's fixed code with matches in the dictionary"),
                (head[-4:], f"CRC-32 of the bytes 0000 to {len(head) - 5:04x}: 0x{crc:08X}"),
            ],
            14,
        ),
        "",
        f"The inflated directory has {len(inflated)} bytes. Offsets below are relative to its start:",
        "",
        *table(directory_rows(), 0),
        "",
        "**Tier 0**",
        "",
        *table(tier_rows(first, len(head), 0), len(head)),
        "",
        f"A file that ends here, after {len(head) + len(first)} bytes, is a valid smaller model.",
        "",
        "**Tier 1**",
        "",
        *table(tier_rows(second, len(head) + len(first), 1), len(head) + len(first)),
        "",
        *_wrapped(
            f"**The integers of tier 0.** The first stored byte is the scale S = {scale}, so `base` is "
            f"({scale} − 80) · 8192 = {(scale - 80) * 8192}. The range coder starts with *code* "
            f"0x{one.steps[0].code:08X}: the other stored bytes and a zero. A prefix of the zigzag order is one row of "
            "one channel; the terms of its positions are used once each and therefore have no effect. These are "
            "the values, and the state before each:"
        ),
        "",
        *VALUES.splitlines(),
        *value_rows(one.values, 1),
        "",
        *_wrapped(
            "These are the decoded bits. Each line gives the counter that the bit uses, or `direct`; range, code and p "
            "before the bit; the number that *code* is compared with (*bound*, or half of *range*); the bit; and the "
            "counter's p after it. Normalization takes place between the lines."
        ),
        "",
        *COLUMNS.splitlines(),
        *trace_rows(one.steps, 1),
        "",
        *_wrapped(
            "The first integer is not 0. Its sign does not differ from that of the guess (a guess of 0 is positive). "
            f"The next five bits say that it has 5 bits. A 0 and three direct bits follow: 10100 is {tier0[0]}. "
            "The integer was larger than its scale suggested, so the second one has a larger scale. That one is "
            f"negative, has 2 bits, and ends in a 1: {_listed(tier0[1:2])}. The third one is {tier0[2]}. The position "
            f"is then {one.position}, not less than the {len(one.data)} bytes of the range coder: the stream is valid."
        ),
        "",
        *_wrapped(
            "**The integers of tier 1.** The range coder restarts at the first byte, but the model continues: p in "
            "the first line equals the last new p of `zero[51][0]` above. The row's term restarts, so the first scale "
            f"is again {two.values[0].scale}. The second guess is just below 0, so a sign that differs from it is "
            "positive:"
        ),
        "",
        *VALUES.splitlines(),
        *value_rows(two.values, 1 + len(one.values)),
        "",
        *COLUMNS.splitlines(),
        *trace_rows(two.steps, count + 1),
        "",
        f"The two integers are {_listed(tier1)}.",
        "",
        *_wrapped(
            f"**The weights.** At tier 1, with the step of 0.125, the canonical values are {_listed(core.values)}."
            f" In zigzag order, their indices are {', '.join(map(_index, core.indices[:-1]))} and "
            f"{_index(core.indices[-1])}; the box is ({', '.join(map(str, core.shape))}). The first weight is"
        ),
        "",
        "    W[0,0,0,0] = 2.5 · √(1/2 · 1/2 · 1/3 · 1/3) − 0.375 · √(1/2 · 1/2 · 1/3 · 2/3) · cos(π/6)",
        "                 + 2 · 0.125 · √(2/2 · 1/2 · 1/3 · 1/3) · cos(π/4)",
        f"               = 0.4166666… − 0.0765465… + 0.0416666… = {str(weight)[:9]}…",
        "",
        "`vectors.json` lists the other weights.",
        "",
        "",
    ]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 150, break_long_words=False, break_on_hyphens=False)


def _listed(values: Sequence[float]) -> str:
    texts = [f"{value:g}".replace("-", "−") for value in values]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _index(index: tuple[int, ...]) -> str:
    return f"({','.join(map(str, index))})"


def specification() -> str:
    """Return the whole text of the specification."""
    with open(SPECIFICATION, encoding="utf-8") as file:
        return file.read()


def written(text: str) -> str:
    """Return the section from the current specification."""
    start = text.index(f"\n{HEADING}\n") + 1
    return text[start : text.index("\n## ", start) + 1]


def main() -> None:
    """Print the section, or write it into the specification."""
    if "--write" not in sys.argv:
        print(section())  # noqa: T201
        return
    text = specification()
    with open(SPECIFICATION, "w", encoding="utf-8") as file:
        file.write(text.replace(written(text), section()))


if __name__ == "__main__":
    main()
