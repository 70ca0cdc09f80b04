"""Segments by every coder, in every form that a writer may give them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, rangecoder, zstd
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, raw
from tests.vectors.numbers import FORMATS, noise, spectrum

TEXT = [100 + 15 * (i % 7) // (1 + i // 16) for i in range(256)]
"""Bytes with some pattern in them."""


def vectors() -> Iterator[Vector]:
    yield from _deflate()
    yield from _zstd()
    yield from _raw_by_range()
    yield from _endings()
    yield from _long_runs()


def _u8(coder: str, stream: bytes, values: list[int] | None = None) -> File:
    values = TEXT if values is None else values
    return File([Group([Tensor("x", (len(values),), values)], "u8", coder=coder, streams=[stream])])


def _deflate() -> Iterator[Vector]:
    data = bytes(TEXT)
    half = deflate.tokens(data)
    middle = len(half) // 2
    yield valid("deflate-stored", "two stored blocks", _u8("deflate", deflate.stored(data, 200)))
    yield valid("deflate-fixed", "a block of the fixed code", _u8("deflate", deflate.fixed(data)))
    yield valid("deflate-dynamic", "a block with a code of its own", _u8("deflate", deflate.dynamic(data)))
    blocks = deflate.blocks([half[:middle], [], half[middle:]], dynamic=False)
    yield valid("deflate-empty-block", "an empty block between two others", _u8("deflate", blocks))
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
    yield valid("zstd-run-length", "run-length blocks", _u8("zstd", zstd.run(9, 200_000), [9] * 200_000))
    window = zstd.frame(first, rest, window=zstd.WINDOW_8_MIB)
    yield valid("zstd-window-8mib", "the largest window there may be", _u8("zstd", window))
    yield valid("zstd-compressed", "a compressed block and a content checksum, by libzstd", _u8("zstd", zstd.checked()))


def _raw_by_range() -> Iterator[Vector]:
    for fmt in FORMATS:
        for coder in ("range", "range-ctx"):
            values = spectrum(fmt, 40)
            file = File([raw("x", fmt, (40,), values, coder)])
            yield valid(f"raw-{fmt}-{coder}", f"raw elements of {fmt} by coder {coder}", file)
    runs = [Tensor(name, (n,), spectrum("i16", n, n)) for name, n in (("a", 9), ("b", 1), ("c", 0), ("d", 12))]
    yield valid(
        "range-ctx-of-four-tensors",
        "contexts go on from tensor to tensor, neighbours do not",
        File([Group(runs, "i16", coder="range-ctx")]),
    )


def _endings() -> Iterator[Vector]:
    values = spectrum("i16", 15)
    for name, about, pick, strip in (
        (
            "lowest",
            "the first number of its last interval, four bytes long whatever they are",
            rangecoder.lowest,
            False,
        ),
        ("highest", "the last number of its last interval", rangecoder.highest, False),
        ("unstripped", "the zero bytes at its end that the decoder reads are there", rangecoder.roundest, False),
    ):
        stream = rangecoder.Stream()
        rangecoder.Model("i16").put_run(stream, values)
        yield valid(f"range-ends-{name}", f"a stream that is {about}", _i16(stream.finish(pick, strip=strip), values))
    zeros = [0x7E00] * 16384
    about = "no stored bytes at all, which decode to as many NaNs as the limit allows for 0 bytes"
    yield valid("range-of-no-bytes", about, File([raw("x", "f16", (16384,), zeros, "range")]))
    yield valid("range-one-value", "a single value", File([raw("x", "i32", (), [-1], "range")]))


def _i16(stream: bytes, values: list[int]) -> File:
    return File([Group([Tensor("x", (len(values),), values)], "i16", coder="range", streams=[stream])])


def _long_runs() -> Iterator[Vector]:
    zeros = [0] * 6000
    zeros[4000] = -100
    changing = [*[0] * 600, *[1] * 600, *noise(600, 127)]
    for coder in ("range", "range-ctx"):
        about = f"thousands of zeros and one −100: probabilities at their ends ({coder})"
        yield valid(f"{coder}-long-runs", about, _line("i8", zeros, coder))
        about = f"statistics that change: zeros, ones, noise ({coder})"
        yield valid(f"{coder}-adaptation", about, _line("i8", changing, coder))
    yield valid("range-incompressible", "500 numbers of 31 bits", _line("i32", noise(500, 2**31 - 1, 7), "range"))


def _line(dtype: str, values: list[int], coder: str) -> File:
    return File([raw("x", dtype, (len(values),), values, coder)])
