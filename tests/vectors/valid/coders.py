"""Segments by every coder, in every form that a writer may give them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.vectors import deflate, rangecoder, zstd
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, raw
from tests.vectors.numbers import FLOATS, noise, spectrum, weights

TEXT = [100 + 15 * (i % 7) // (1 + i // 16) for i in range(256)]
"""Bytes with some pattern in them."""


def vectors() -> Iterator[Vector]:
    yield from _deflate()
    yield from _zstd()
    yield from _floats()
    yield from _integers()
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


def _floats() -> Iterator[Vector]:
    for fmt in FLOATS:
        file = File([raw("x", fmt, (40,), spectrum(fmt, 40), "range")])
        yield valid(f"raw-{fmt}-range", f"plain elements of {fmt} by coder range", file)
    special = [0x7F800000, 0xFF800000, 0x7FC00001, 0x80000000, 1, 0x7F7FFFFF]
    file = File([raw("x", "f32", (6,), special, "range")])
    yield valid("raw-f32-range-special", "infinities, a NaN, −0 and a subnormal of f32 by coder range", file)


def _integers() -> Iterator[Vector]:
    yield valid("integer", "plain multiples of a step", _multiples(weights("q", 40), -40))
    tensors = [Tensor(name, (n,), weights("q", n, n), step=-8) for name, n in (("a", 9), ("b", 1), ("c", 0), ("d", 12))]
    group = Group(tensors, stepped=True, coder="integer")
    about = "contexts go on from tensor to tensor, neighbours do not"
    yield valid("integer-of-four-tensors", about, File([group]))
    classes = [s * (1 << b) for b in range(12) for s in (1, -1)]
    ordered = [n for first in classes for n in (first, 0, first, first)]
    about = "neighbours of every size: all four sets of contexts"
    yield valid("integer-neighbours", about, _multiples(ordered, -200))


def _endings() -> Iterator[Vector]:
    values = weights("q", 15)
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
        rangecoder.Integers().put_run(stream, values)
        file = _multiples(values, 0, stream.finish(pick, strip=strip))
        yield valid(f"range-ends-{name}", f"a stream that is {about}", file)
    nans = [0x7E00] * 65536
    about = "no stored bytes at all, which decode to as many NaNs as the limit allows for 0 bytes"
    yield valid("range-of-no-bytes", about, File([raw("x", "f16", (65536,), nans, "range")]))
    about = "no stored bytes at all: the number with all bits of its class"
    yield valid("integer-of-no-bytes", about, _multiples([3 << 29, 3 << 29], 0, b""))
    yield valid("range-one-value", "a single value", File([raw("x", "f32", (), [0xBF800000], "range")]))
    yield valid(
        "integer-one-value", "a single value", File([Group([Tensor("x", (), [-1])], stepped=True, coder="integer")])
    )


def _multiples(values: Sequence[int], step: int, stream: bytes | None = None) -> File:
    tensor = Tensor("x", (len(values),), values, step=step)
    streams = None if stream is None else [stream]
    return File([Group([tensor], stepped=True, coder="integer", streams=streams)])


def _long_runs() -> Iterator[Vector]:
    zeros = [0] * 6000
    zeros[4000] = -100
    changing = [*[0] * 600, *[1] * 600, *noise(600, 127)]
    yield valid(
        "integer-long-runs", "thousands of zeros and one −100: probabilities at their ends", _multiples(zeros, 0)
    )
    yield valid("integer-adaptation", "statistics that change: zeros, ones, noise", _multiples(changing, -8))
    yield valid("integer-incompressible", "500 numbers of 31 bits", _multiples(noise(500, 2**31 - 1, 7), -480))
    ones = [0x3C00] * 3000
    ones[2000] = 0x5555
    yield valid(
        "range-long-runs", "thousands of ones and one other number", File([raw("x", "f16", (3000,), ones, "range")])
    )
    changing = [*[0] * 300, *[0x3F80] * 300, *[n % 65536 for n in noise(300, 32767)]]
    yield valid("range-adaptation", "zeros, ones, any bits", File([raw("x", "bf16", (900,), changing, "range")]))
    bits = [n % 2**32 for n in noise(300, 2**31 - 1, 7)]
    yield valid("range-incompressible", "300 times any 32 bits", File([raw("x", "f32", (300,), bits, "range")]))
