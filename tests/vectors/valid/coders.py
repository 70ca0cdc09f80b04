"""Segments of the byte coders, in every form that a writer may produce."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, zstd
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor

TEXT = [100 + 15 * (i % 7) // (1 + i // 16) for i in range(256)]
"""Bytes with some pattern in them."""


def vectors() -> Iterator[Vector]:
    yield from _deflate()
    yield from _zstd()


def _u8(coder: str, stream: bytes, values: list[int] | None = None) -> File:
    values = TEXT if values is None else values
    return File([Group([Tensor("x", (len(values),), values)], "u8", coder=coder, streams=[stream])])


def _deflate() -> Iterator[Vector]:
    data = bytes(TEXT)
    half = deflate.tokens(data)
    middle = len(half) // 2
    yield valid("deflate-stored", "two stored blocks", _u8("deflate", deflate.stored(data, 200)))
    yield valid("deflate-fixed", "a block of the fixed code", _u8("deflate", deflate.fixed(data)))
    yield valid("deflate-dynamic", "a block with a dynamic code", _u8("deflate", deflate.dynamic(data)))
    blocks = deflate.blocks([half[:middle], [], half[middle:]], dynamic=False)
    yield valid("deflate-empty-block", "an empty block between two others", _u8("deflate", blocks))
    runs = deflate.blocks([half], dynamic=True, runs=True)
    yield valid("deflate-code-runs", "a dynamic code whose lengths are run-length coded", _u8("deflate", runs))
    zeros = [0] * 20000
    yield valid("deflate-zeros", "20,000 zeros in 40 bytes or so", _u8("deflate", deflate.fixed(bytes(zeros)), zeros))


def _zstd() -> Iterator[Vector]:
    data = bytes(TEXT)
    first, rest = zstd.block(data[:100], last=False), zstd.block(data[100:])
    size = len(data)
    yield valid("zstd-raw-blocks", "two raw blocks, content size unknown", _u8("zstd", zstd.frame(first, rest)))
    sized = zstd.frame(first, rest, content=size)
    yield valid("zstd-content-size", "a frame that gives its content size", _u8("zstd", sized))
    single = zstd.frame(first, rest, content=size, single=True)
    yield valid("zstd-single-segment", "a frame whose window is its content", _u8("zstd", single))
    for width in (2, 4):
        for kind, alone in (("", False), ("-single", True)):
            about = f"a content size of {width} bytes" + (", in a single segment" if alone else "")
            sized = zstd.frame(first, rest, content=size, width=width, single=alone)
            yield valid(f"zstd-content-size-of-{width}{kind}", about, _u8("zstd", sized))
    few = zstd.frame(zstd.block(data[:200]), content=200, width=1, single=True)
    yield valid("zstd-content-size-of-1-single", "a content size of one byte", _u8("zstd", few, TEXT[:200]))
    for width in (1, 2, 4):
        numbered = zstd.frame(first, rest, id_width=width)
        yield valid(f"zstd-dictionary-0-in-{width}", f"dictionary id 0, {width} bytes long", _u8("zstd", numbered))
    window = zstd.frame(first, rest, window=12 << 3 | 7)
    yield valid("zstd-window-with-mantissa", "a window of 7.5 MiB", _u8("zstd", window))
    yield valid("zstd-run-length", "run-length blocks", _u8("zstd", zstd.run(9, 200_000), [9] * 200_000))
    window = zstd.frame(first, rest, window=zstd.WINDOW_8_MIB)
    yield valid("zstd-window-8mib", "the largest window allowed", _u8("zstd", window))
    yield valid("zstd-compressed", "a compressed block and a content checksum, by libzstd", _u8("zstd", zstd.checked()))
