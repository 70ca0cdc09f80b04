"""Integers coded by ``adaptive``: shapes, extremes, and every form of a stream that a writer may produce."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tests.vectors import adaptive, rangecoder, trace
from tests.vectors.blocks import Block
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, spectral
from tests.vectors.numbers import noise, weights

LARGEST = 2**31 - 1
EXACT = {407: -70, 408: -104, 412: -80, 426: -22, 428: 20, 459: 2, 511: 91, 515: -100}
"""Values of a wave, by index, after which the next guess is exactly one of the numbers that *level* compares with."""


def vectors() -> Iterator[Vector]:
    yield valid("adaptive", "plain multiples of a step", multiples(weights("q", 40), -40))
    yield from _shapes()
    yield from _groups()
    yield from _magnitudes()
    yield from _guesses()
    yield from _clamps()
    yield from _endings()


def multiples(values: Sequence[int], step: int, shape: Sequence[int] | None = None, **more: object) -> File:
    """Return a file with one plain tensor of integers."""
    tensor = Tensor("x", (len(values),) if shape is None else shape, values, step=step)
    return File([Group([tensor], stepped=True, coder="adaptive", **more)])  # type: ignore[arg-type]


def _shapes() -> Iterator[Vector]:
    for shape, about in (
        ((), "rank 0: one row, one channel, one position"),
        ((6, 7), "rows and channels"),
        ((4, 3, 2, 3), "rows, channels, and positions on two axes"),
        ((3, 1, 9), "a depthwise convolution: rows and positions"),
        ((1, 5, 4), "one row of channels and positions: its terms are learnt"),
        ((8, 1), "rows of one value"),
        ((1, 8), "one row of channels that have one value each"),
        ((2, 2, 1, 2, 2, 1, 2, 1), "rank 8"),
    ):
        name = "x".join(map(str, shape)) or "scalar"
        file = multiples(weights("q", math.prod(shape), len(shape) + 1), -30, shape)
        yield valid(f"adaptive-shape-{name}", about, file)
    scales = [[q * 3 ** (r % 3) // 2 ** (c % 5) for c, q in enumerate(noise(30, 60, r))] for r in range(12)]
    about = "rows and channels of different magnitudes"
    yield valid("adaptive-scales", about, multiples([q for row in scales for q in row], -50, (12, 30)))


def _groups() -> Iterator[Vector]:
    tensors = [Tensor(name, (n,), weights("q", n, n), step=-8) for name, n in (("a", 9), ("b", 1), ("c", 0), ("d", 12))]
    group = Group(tensors, stepped=True, coder="adaptive")
    about = "a model carries over from tensor to tensor, but terms and neighbors do not"
    yield valid("adaptive-of-four-tensors", about, File([group]))
    tensors = [
        Tensor("a", (3, 4), weights("q", 12)),
        Tensor("b", (2, 3, 3), weights("q", 18, 2)),
        Tensor("c", (), [-7]),
    ]
    about = "tensors of several ranks"
    yield valid("adaptive-of-ranks", about, File([Group(tensors, stepped=True, coder="adaptive")]))


def _magnitudes() -> Iterator[Vector]:
    sizes = [s * n for b in range(31) for n in (1 << b, (2 << b) - 1) for s in (1, -1)]
    yield valid("adaptive-every-size", "magnitudes of every number of bits, up to 2^31 − 1", multiples(sizes, -480))
    mixed = [LARGEST, -LARGEST, 0, 1, -LARGEST, 0, 0, LARGEST, LARGEST - 1, 2**30, -(2**22), 2**22 - 1, 2**22 + 1]
    yield valid("adaptive-extremes", "the largest magnitudes together with 0 and 1", multiples(mixed, -480))
    zeros = [0] * 6000
    zeros[4000] = -100
    about = "thousands of zeros and one −100: the lowest scale, and counters at their limits"
    yield valid("adaptive-zeros", about, multiples(zeros, 0))
    large = [LARGEST] * 300 + [1, 0, -1] * 10
    yield valid("adaptive-highest-scale", "hundreds of 2^31 − 1: the highest scale", multiples(large, -480))
    jumps = [0] * 200 + [q * 2**21 for q in noise(100, 500)] + [0] * 100
    yield valid("adaptive-jumps", "zeros, then huge numbers, then zeros", multiples(jumps, -480))
    changing = [*[0] * 600, *[1] * 600, *noise(600, 127)]
    yield valid("adaptive-adaptation", "statistics that change: zeros, ones, noise", multiples(changing, -8))
    about = "500 numbers of 31 bits"
    yield valid("adaptive-incompressible", about, multiples(noise(500, LARGEST, 7), -480))


def _guesses() -> Iterator[Vector]:
    wave = [round(60 * math.sin(i / 9) + n / 40) * (-1 if i % 29 == 28 else 1) for i, n in enumerate(noise(700, 80))]
    file = multiples(wave, -40)
    [data] = file.groups[0].segments(1)
    decoder = trace.Decoder(data[1:])
    decoder.block(adaptive.Model(data[0]), (len(wave),))
    names = {step.what for step in decoder.steps}
    assert {f"sign[{level}]" for level in range(5)} <= names
    assert {int(name.split("[")[2][0]) for name in names if name.startswith("longer")} == {*range(5)}
    about = "a wave whose values are guessed from earlier ones, sometimes wrongly: every sureness and agreement"
    yield valid("adaptive-guesses", about, file)
    slopes = [round(30 * math.cos(c / 4) + 3 * r + n / 30) for r in range(20) for c, n in enumerate(noise(25, 60, r))]
    about = "rows that resemble each other: values are guessed from the row before"
    yield valid("adaptive-guesses-over", about, multiples(slopes, -40, (20, 25)))
    alternating = [(-1) ** i * (5 + n % 3) for i, n in enumerate(noise(400, 9))]
    about = "signs that alternate: guesses below 0, whose signs are right"
    yield valid("adaptive-guesses-alternating", about, multiples(alternating, -40))


def _clamps() -> Iterator[Vector]:
    """Yield streams in which variables reach the numbers to which they are clamped, or are compared with."""
    wave = [round(60 * math.sin(i / 9) + (n / 40 if i < 400 else 0)) for i, n in enumerate(noise(530, 80))]
    wave = [EXACT.get(i, q) for i, q in enumerate(wave)]
    models, stream = adaptive.Models(False), rangecoder.Stream()
    models.of = {False: adaptive.Model(112)}
    models.put(stream, [Block(False, (len(wave),), wave)])
    decoder = trace.Decoder(stream.finish())
    assert decoder.block(adaptive.Model(112), (len(wave),)) == wave
    assert {sign * bound for bound in (512, 1024, 2048, 4096) for sign in (1, -1)} <= {v.guess for v in decoder.values}
    yield valid("adaptive-guesses-exact", "guesses of exactly ±512, ±1024, ±2048 and ±4096", _from(112, wave))
    data = bytes(n % 256 for n in noise(400, 2**20, 25))
    for s, shape in ((0, (24, 5, 10)), (30, (12, 20)), (239, (12, 4, 2))):
        decoder = trace.Decoder(data)
        values = decoder.block(adaptive.Model(s), shape)
        assert s or any((value.level >> 13) + 80 < 0 for value in decoder.values)
        file = multiples(values, -480, shape, streams=[bytes([s]) + data[: decoder.position]])
        yield valid(f"adaptive-any-bytes-from-{s}", f"any bytes, by a model that begins at scale {s}", file)
    large, rest = 2**22, noise(60, 5)
    rising = [large] * 30 + [0] * 5000 + [large] * 2400 + rest
    yield valid("adaptive-weight-largest", "a weight of 2^20, which grows no further", _from(100, rising))
    falling = [large, 0, 0, 0] * 2900 + rest
    yield valid("adaptive-weight-least", "a weight of −2^20, which shrinks no further", _from(100, falling))


def _endings() -> Iterator[Vector]:
    values = weights("q", 15)
    first = "that is the first number of its last interval, always in four bytes"
    for name, about, pick, strip in (
        ("lowest", first, rangecoder.lowest, False),
        ("highest", "that is the last number of its last interval", rangecoder.highest, False),
        ("unstripped", "whose trailing zero bytes are not dropped", rangecoder.roundest, False),
    ):
        models, stream = adaptive.Models(False), rangecoder.Stream()
        blocks = [Block(False, (15,), values)]
        data = models.start(blocks)
        models.put(stream, blocks)
        data += stream.finish(pick, strip=strip)
        yield valid(f"adaptive-ends-{name}", f"a stream {about}", multiples(values, 0, streams=[data]))
    found = trace.Decoder(b"").block(adaptive.Model(100), (2,))
    about = "a segment of a scale and no further bytes: all bits are 1 up to the direct ones"
    yield valid("adaptive-of-one-byte", about, multiples(found, -960, streams=[b"\x64"]))
    other = [s % 240 for s in (0, 1, 7, 8, 79, 80, 239)]
    for s in other:
        yield valid(f"adaptive-first-scale-{s}", f"a model that begins at scale {s}", _from(s, values))
    about = "scale 0, whose μ is 0, for thousands of zeros, and then larger values"
    yield valid("adaptive-scale-0-then-large", about, _from(0, [0] * 3000 + noise(30, 2) + noise(30, 400)))
    about = "tier 1 has a segment of 0 bytes"
    yield valid("adaptive-of-no-bytes", about, of_no_bytes())


def _from(s: int, values: Sequence[int]) -> File:
    """Return a file of values whose model begins at scale ``s``."""
    return multiples(values, 0, streams=[stream_from(s, values)])


def stream_from(s: int, values: Sequence[int]) -> bytes:
    """Return a segment of one row whose model begins at scale ``s``."""
    models, stream = adaptive.Models(False), rangecoder.Stream()
    models.of = {False: adaptive.Model(s)}
    models.put(stream, [Block(False, (len(values),), values)])
    return bytes([s]) + stream.finish()


def of_no_bytes() -> File:
    """Return a file whose last segment has values but no bytes."""
    tensor = Tensor("w", (4, 4), [3, -1, 2], kept=(3, 5), step=-960)
    first = Group([tensor], stepped=True, coder="adaptive").encoder()
    model = adaptive.Model(adaptive.scale(tensor.values))
    data = first([Block(False, (3,), tensor.values)])
    trace.Decoder(data[1:]).block(model, (3,))
    tensor.values = [*tensor.values, *trace.Decoder(b"").block(model, (2,))]
    file = File([spectral([tensor], "q")], tiers=2)
    assert file.groups[0].segments(2) == [data, b""]
    return file
