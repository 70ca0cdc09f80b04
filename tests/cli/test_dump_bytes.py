"""``frformat dump --bytes``: every byte has one meaning, even in damaged files."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frformat as frz
from frformat.cli.dump import layout, walk
from frformat.cli.dump.msgpack import Item, MalformedError, read
from frformat.format import container
from tests.cli.command import frformat
from tests.cli.models import TENSORS, damaged, segment_offset, tier_ends, write_cores


def explained(data: bytes) -> layout.Layout:
    """Return the layout of ``data``, whose ranges and fields must tile it."""
    found = layout.explain(io.BytesIO(data), "x.frz")
    at = 0
    for part in found.ranges:
        assert part.start == at < part.end
        at = part.end
    assert at == len(data)
    at = 0
    for field in walk.walk(found.directory):
        assert field.offset == at
        assert field.size > 0
        at += field.size
    assert at == len(found.directory)
    return found


def meanings(data: bytes) -> list[str]:
    return [field.meaning for field in walk.walk(data)]


def test_a_whole_file(model: Path):
    found = explained(model.read_bytes())
    assert found.error is None
    assert [part.part for part in found.ranges[:7]] == ["header"] * 5 + ["directory", "checksum"]
    assert {part.part for part in found.ranges[7:]} == {"segment", "checksum"}
    with frz.open(model) as file:
        extents = [(e.tier, e.group, e.offset, e.offset + e.size) for e in file.container.extents.present(3)]
    segments = [(p.tier, p.group, p.start, p.end) for p in found.ranges if p.part == "segment"]
    assert segments == extents
    assert all("matches" in part.meaning for part in found.ranges if part.part == "checksum")


def test_every_prefix_of_a_file(model: Path):
    data = model.read_bytes()
    ends = tier_ends(model)
    for size in range(len(data)):
        found = explained(data[:size])
        assert (found.error is None) == (size in ends), size
        if found.error is not None:
            assert found.error.code == "TRUNCATED"


def test_every_damaged_byte(model: Path):
    data = model.read_bytes()
    for offset in range(len(data)):
        copy = bytearray(data)
        copy[offset] ^= 1 << offset % 8
        found = explained(bytes(copy))
        assert found.error is not None, offset
        assert found.error.path == "x.frz"


def test_bytes_after_the_end(model: Path):
    found = explained(model.read_bytes() + b"more")
    assert found.error is not None
    assert found.error.code == "TRAILING"
    assert found.ranges[-1].meaning == "bytes after the last segment"
    assert found.ranges[-1].end - found.ranges[-1].start == 4


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes(data: bytes, marked: bool):
    explained(b"\x89FRZ\x01" * marked + data)


def test_a_directory_that_is_not_messagepack(model: Path):
    def with_directory(directory: bytes) -> layout.Layout:
        size = len(directory).to_bytes(4, "little")
        head = b"\x89FRZ\x01\x00" + size + size + directory
        return explained(head + container.zlib.crc32(head).to_bytes(4, "little") + b"rest")

    for directory, last in [
        (b"\x81\x00\x91\xc1", "not MessagePack: no item starts with 0xC1"),
        (b"\x81\x00\xda\xff", "not MessagePack: an item extends beyond the end; missing bytes: 1"),
        (b"\x81\x00\x90\x00", "bytes after the directory's map"),
        (b"\x81\x63" + b"\x91" * 20 + b"\x00", "values are nested more than 16 levels deep"),
        (b"\x81\x90\x00", "a key is neither a number nor text"),
        (b"\x81\x02\x91\x81\x01\x92\xa1x\x00", "a name must be a number and a string"),
        (b"\x81\x02\x91\x81\x01\x91\x00", "a name lacks its string"),
        (b"", "not MessagePack: an item extends beyond the end; missing bytes: 1"),
    ]:
        found = with_directory(directory)
        assert found.error is not None
        assert found.error.code == "DIRECTORY"
        assert [part.part for part in found.ranges][-1] == "unread"
        assert not directory or meanings(directory)[-1] == last


def test_the_meaning_of_every_field(model: Path):
    out = frformat("dump", model, "--bytes").out
    for text in (
        "bases: 1, dct", "dtype: 11, f32", "format: 9, f16", "name 0: conv.weight", "shape of conv.weight: 64×32×3×3",
        "kept in tier 1: 12, 12, 12", "view of conv.weight: its own shape", "view of fc.weight: 10×5×4×4",
        "alias tied of conv.weight", "metadata license: MIT", "tiers: 3", "directory, deflated",
        r"metadata n\x1b[31m: two\nlines \u202e[bold]x[/bold]",
    ):  # fmt: skip
        assert f"{text}\n" in out
    assert out.isprintable() or "\x1b" not in out


def test_the_meaning_of_cores_and_factors(tmp_path: Path):
    out = frformat("dump", write_cores(tmp_path / "x.frz"), "--bytes").out
    for text in (
        "shapes: 1, of factors, because there are no names", "shape of factor 0: 6×8", "offsets: 1, on axis 0",
        "bases: 2, stored, 3, seeded, 0, identity", "factors of core: 0", "seeds of core: 7", "corner of core: 6×4×3",
        "corner of channels: 3×2", "corners in tier 0: 1", "steps: 0.125",
    ):  # fmt: skip
        assert f"{text}\n" in out, text


def test_steps_and_fields_from_the_future():
    group = {0: 11, 1: [0, "w"], 2: [[4]], 4: [0, 9], 11: [-48, 0, "x", 9999], 13: 99, 14: [1], 77: {"a": 1.5}}
    told = meanings(msgpack.packb({0: ["warp"], 2: [group], 50: [1, [2]], "k": b"\x00"}))
    assert told[:4] == ["directory: map of 4", "features: warp", "groups: 1", "group 0: 8 fields"]
    assert "steps: 0.125, 1, code x, code 9999" in told
    assert "coder: 99, which is unknown" in told
    assert "key 77, ignored: map of 1" in told
    assert any(text.startswith("bases: ") and "9" in text for text in told)
    assert "key 50, ignored: 2" in told
    assert any(text.startswith("key k, ignored: ") for text in told)


def test_a_long_directory_is_explained_only_in_part(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(walk, "WALKED", 100)
    fields = list(walk.walk(msgpack.packb({1: {f"{i:03}": "x" for i in range(100)}})))
    assert "bytes cannot be explained" in fields[-1].meaning
    assert len(fields) < 50


def test_json(model: Path):
    outcome = frformat("dump", model, "--bytes", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json
    assert set(found) == {"file", "bytes", "ranges", "directory", "error"}
    assert found["error"] is None
    assert set(found["ranges"][0]) == {"start", "end", "part", "meaning", "tier", "group"}
    assert set(found["directory"][0]) == {"offset", "size", "depth", "meaning", "bytes"}
    assert found["directory"][0]["bytes"] == "84"


def test_damage_is_shown_in_place(model: Path):
    at = segment_offset(model)
    path = damaged(model, at + 1)
    outcome = frformat("dump", path, "--bytes")
    assert outcome.code == 2
    line = next(line for line in outcome.out.splitlines() if line.startswith(f"{at:08x}"))
    assert line.endswith("← the fault")
    assert "does NOT match: computed 0x" in outcome.out
    assert outcome.err == f"frformat: {path}: CHECKSUM: a segment is damaged: get the file again (byte {at})\n"
    as_json = frformat("dump", path, "--bytes", "--json")
    assert (as_json.code, as_json.err, as_json.json["error"]["offset"]) == (2, "", at)


def test_a_fault_behind_checksums_is_found(tmp_path: Path):
    data = bytearray(frz.save({"x": frz.load(frz.save({"x": TENSORS["conv.weight"]}))["x"] > 0}, compression="none"))
    start = frz.open(bytes(data)).container.header.end
    data[start] = 2
    data[-4:] = container.zlib.crc32(data[start:-4]).to_bytes(4, "little")
    found = explained(bytes(data))
    assert found.error is not None
    assert found.error.code == "VALUE"


def test_the_dump_shows_ends_of_long_ranges(model: Path):
    lines = frformat("dump", model, "--bytes").out.splitlines()
    assert lines[0] == f"{model}: {model.stat().st_size:,} bytes"
    assert lines[2].split() == ["00000000", "89", "46", "52", "5a", "magic"]
    assert any(" bytes …" in line for line in lines)
    data = model.read_bytes()
    for line in lines[2 : lines.index("", 2)]:
        if not line.startswith(" "):
            shown = bytes.fromhex(line[10:57])
            assert data[int(line[:8], 16) :][: len(shown)] == shown


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.integers(0, 99), inner),
)


@given(values)
def test_messagepack_is_parsed_like_the_reference_library(value: Any):
    data = msgpack.packb(value)
    decoded, end = decode(data, 0)
    assert end == len(data)
    assert msgpack.packb(decoded) == data


def test_items_that_the_library_rarely_writes():
    assert read(b"\xca\x3f\x80\x00\x00", 0).value == 1.0
    assert read(b"\xd4\x01\xff", 0) == Item("ext", b"\x01\xff", 3)
    assert read(b"\xc7\x00\x05", 0) == Item("ext", b"\x05", 3)
    assert read(b"\xcd\x00\x05", 0) == Item("int", 5, 3)


def decode(data: bytes, at: int) -> tuple[Any, int]:
    item = read(data, at)
    if item.kind == "array":
        out, at = [], item.end
        for _ in range(item.value):
            value, at = decode(data, at)
            out.append(value)
        return out, at
    if item.kind == "map":
        pairs, at = {}, item.end
        for _ in range(item.value):
            key, at = decode(data, at)
            pairs[key], at = decode(data, at)
        return pairs, at
    return item.value.decode() if item.kind == "str" else item.value, item.end


@given(st.binary(max_size=20))
def test_any_bytes_are_an_item_or_malformed(data: bytes):
    with contextlib.suppress(MalformedError):
        assert 0 < read(data, 0).end <= len(data)
