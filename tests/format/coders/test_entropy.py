"""The entropy coders in Python and NumPy and in compiled code: both produce the same bytes, values and errors."""

from __future__ import annotations

import math
import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import FrzError
from frformat.format import limits
from frformat.format.coders import CODERS, Coder, Run, engine
from frformat.format.coders.batches import PIECE, Block, joined
from tests.format.coders.segments import Pieces, decode, encode, has_compiled_code, using

ADAPTIVE, STATIC = CODERS["adaptive"], CODERS["static"]
BOTH = [ADAPTIVE, STATIC]
LARGEST = 2**31 - 1
NUMBERS = st.integers(-2, 2) | st.integers(-40, 40) | st.integers(-LARGEST, LARGEST)

compiled = pytest.mark.skipif(not has_compiled_code(), reason="the package was installed without a C compiler")


@pytest.fixture(params=[True, pytest.param(False, marks=compiled)], ids=["pure", "compiled"])
def either(request: pytest.FixtureRequest) -> Iterator[None]:
    with using(pure=request.param):
        yield


def array(numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.array(numbers, np.int32)


def piece(values: np.ndarray, *, offsets: bool = False) -> tuple[Run, np.ndarray]:
    return Run(offsets, (values.shape,)), values


@st.composite
def runs(draw: st.DrawFn, numbers: st.SearchStrategy[int] = NUMBERS) -> tuple[Run, np.ndarray]:
    """Draw values that form one or two blocks of any rank."""
    shapes = draw(st.lists(st.lists(st.integers(1, 6), max_size=4).map(tuple), min_size=1, max_size=2))
    size = sum(map(math.prod, shapes))
    values = draw(st.lists(numbers, min_size=size, max_size=size))
    return Run(draw(st.booleans()), tuple(shapes)), array(values)


def run_of(pieces: Pieces) -> list[Run]:
    return [run for run, _ in pieces]


def verdict(coder: Coder, value_type: str, stored: bytes, some: Sequence[Run]) -> Any:
    """Return the values to which a stream decodes, or the code of its error."""
    offsets = any(run.offsets for run in some)
    try:
        return [values.tobytes() for values in decode(coder, value_type, [stored], [some], offsets)]
    except FrzError as error:
        return error.code


@given(st.sampled_from(BOTH), st.lists(st.lists(runs(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_integers_survive(coder: Coder, segments: list[Pieces]) -> None:
    stored = []
    for pure in (True, False):
        with using(pure=pure):
            stored.append(encode(coder, "i32", segments, offsets=True))
    assert stored[0] == stored[1]
    for pure in (True, False):
        with using(pure=pure):
            back = decode(coder, "i32", stored[0], list(map(run_of, segments)), offsets=True)
        for found, each in zip(back, segments, strict=True):
            assert found.dtype == np.int32
            assert np.array_equal(found, np.concatenate([values for _, values in each]))


SHAPES = [(2100,), (30, 20), (1, 700), (700, 1), (10, 20, 3), (8, 5, 3, 5), (1, 5, 120), (300, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["small", "wide", "zeros", "sparse", "alike", "scaled", "extreme"])
@pytest.mark.parametrize("coder", BOTH, ids=lambda coder: coder.name)
def test_kinds_of_values(coder: Coder, kind: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(kind))
    size = math.prod(shape)
    values = {
        "small": lambda: rng.integers(-2, 3, size),
        "wide": lambda: np.rint(rng.laplace(size=size) * 300),
        "zeros": lambda: np.zeros(size),
        "sparse": lambda: rng.integers(-3, 4, size) * (rng.random(size) < 0.02),
        "alike": lambda: np.cumsum(rng.integers(-2, 3, size)) % 11 - 5,
        "scaled": lambda: np.rint(rng.standard_normal(size) * 4.0 ** (np.arange(size) // (size // shape[0]) % 5)),
        "extreme": lambda: rng.choice([-LARGEST, LARGEST, 0, 1, 1 << 22, -(1 << 30)], size),
    }[kind]()
    given_ = [piece(values.reshape(shape).astype(np.int32))]
    with using(pure=True):
        [stored] = encode(coder, "i32", [given_])
    with using(pure=False):
        assert encode(coder, "i32", [given_]) == [stored]
    for pure in (True, False):
        with using(pure=pure):
            [found] = decode(coder, "i32", [stored], [run_of(given_)])
        assert np.array_equal(found, given_[0][1].reshape(-1))


@compiled
@given(st.sampled_from(BOTH), st.sampled_from(["i32", "f16"]), st.binary(max_size=60), runs())
def test_hostile_bytes_have_the_same_verdict(coder: Coder, value_type: str, data: bytes, some: tuple[Run, Any]) -> None:
    found = []
    for pure in (True, False):
        with using(pure=pure):
            found.append(verdict(coder, value_type, data, [some[0]]))
    assert found[0] == found[1]


@compiled
@pytest.mark.parametrize("value_type", ["i32", "f16"])
@pytest.mark.parametrize("coder", BOTH, ids=lambda coder: coder.name)
def test_flipped_bits_have_the_same_verdict(coder: Coder, value_type: str) -> None:
    rng = np.random.default_rng(1)
    if value_type == "i32":
        values = np.cumsum(rng.integers(-3, 4, 80)).astype(np.int32) * rng.integers(1, 2000, 80, np.int32)
    else:
        values = rng.standard_normal(80).astype(np.float16)
    [stored] = encode(coder, value_type, [[piece(values)]])
    run = piece(values)[0]
    for bit in range(0, 8 * len(stored), 5):
        bent = bytearray(stored)
        bent[bit // 8] ^= 1 << bit % 8
        found = []
        for pure in (True, False):
            with using(pure=pure):
                found.append(verdict(coder, value_type, bytes(bent), [run]))
        assert found[0] == found[1], f"bit {bit}"


@pytest.mark.usefixtures("either")
class TestAdaptive:
    def test_one_byte_can_be_a_stream(self) -> None:
        [found] = decode(ADAPTIVE, "i32", [b"\x64"], [[Run(False, ((3,),))]])
        assert len(found) == 3

    def test_code_beyond_range(self) -> None:
        with pytest.raises(FrzError, match="malformed") as error:
            decode(ADAPTIVE, "i32", [b"\x64" + b"\xff" * 4], [[Run(False, ((1,),))]])
        assert error.value.code == "STREAM"

    def test_carries_ripple(self) -> None:
        # Many likely bits fill the number with ones, until an unlikely bit causes a carry through all of them.
        values = array([0] * 3000 + [127, -128] * 20 + [0] * 3000)
        [found] = decode(ADAPTIVE, "i32", encode(ADAPTIVE, "i32", [[piece(values)]]), [[piece(values)[0]]])
        assert np.array_equal(found, values)

    def test_a_constant_takes_few_bytes_but_no_fewer_than_the_limit(self) -> None:
        count = 20 * limits.VALUES_PER_BYTE if engine.engine().compiled else 100_000
        [stored] = encode(ADAPTIVE, "i32", [[piece(np.zeros(count, np.int32))]])
        assert limits.least_bytes(count) <= len(stored) <= 100 + count // 4000

    def test_streams_have_no_trailing_zeros(self) -> None:
        for count in range(1, 60):
            values = array([(i * 7919) % 13 - 6 for i in range(count)])
            assert not encode(ADAPTIVE, "i32", [[piece(values)]])[0].endswith(b"\0")

    def test_statistics_carry_over_to_the_next_tier(self) -> None:
        values = np.random.default_rng(0).integers(-3, 4, 600).astype(np.int32)
        _, second = encode(ADAPTIVE, "i32", [[piece(values[:300])], [piece(values[300:])]])
        [alone] = encode(ADAPTIVE, "i32", [[piece(values[300:])]])
        assert len(second) < len(alone)

    def test_offsets_have_their_own_statistics(self) -> None:
        rng = np.random.default_rng(0)
        offsets, values = rng.integers(-1, 2, 400).astype(np.int32), rng.integers(-500, 501, 400).astype(np.int32)
        [apart] = encode(ADAPTIVE, "i32", [[piece(offsets, offsets=True), piece(values)]], offsets=True)
        [together] = encode(ADAPTIVE, "i32", [[piece(offsets), piece(values)]])
        assert len(apart) < len(together)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("coder", BOTH, ids=lambda coder: coder.name)
class TestBoth:
    def test_uniform_bits_take_one_bit_each(self, coder: Coder) -> None:
        values = np.random.default_rng(0).integers(-127, 128, 8000).astype(np.int32)
        [stored] = encode(coder, "i32", [[piece(values)]])
        assert 7980 <= len(stored) <= 8160

    def test_the_smallest_integer_is_refused(self, coder: Coder) -> None:
        with pytest.raises(OverflowError):
            encode(coder, "i32", [[piece(array([3, -(2**31)]))]])

    def test_progress_is_reported_every_few_values_and_adds_up(self, coder: Coder) -> None:
        values = np.zeros(3 * PIECE + 5, np.int32)
        told: list[int] = []
        coder.encoder("i32", False).encode(joined([piece(values)]), _Nowhere(), told.append)
        assert sum(told) == values.nbytes
        assert max(told) <= 4 * (PIECE if engine.engine().compiled else 1 << 22)

    def test_an_exception_from_progress_ends_coding(self, coder: Coder) -> None:
        def stop(count: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            coder.encoder("i32", False).encode(joined([piece(np.zeros(1000, np.int32))]), _Nowhere(), stop)


@pytest.mark.parametrize("value_type", ["i32", "f32"])
@pytest.mark.parametrize("coder", BOTH, ids=lambda coder: coder.name)
@compiled
def test_working_memory_is_little_more_than_the_stored_bytes(coder: Coder, value_type: str) -> None:
    values = np.random.default_rng(0).standard_normal((1500, 1000)).astype(np.float32)
    values = np.rint(values).astype(np.int32) if value_type == "i32" else values
    tracemalloc.start()
    try:
        [stored] = encode(coder, value_type, [[piece(values)]])
        encoding = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        [found] = decode(coder, value_type, [stored], [[piece(values)[0]]])
        decoding = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.tobytes() == values.tobytes()
    little = 6 << 20
    assert encoding <= 3 * len(stored) + little
    assert decoding <= values.nbytes + 3 * len(stored) + little


class _Nowhere:
    def write(self, data: object) -> None:
        pass


@compiled
class TestCompiled:
    """Incorrect calls are rejected, and nothing is read or written outside a buffer."""

    def test_more_values_than_blocks_have(self) -> None:
        with using(pure=False):
            made = engine.engine()
            blocks = made.blocks(made.model(80, 16), [Block(2, 2, 2), Block(0, 1, 1), Block(1, 1, 3)])
            with pytest.raises(ValueError, match="more values"):
                made.writer().put(blocks, np.zeros(12, np.int32))
            with pytest.raises(ValueError, match="more values"):
                made.reader(b"").take(blocks, np.zeros(12, np.int32))

    def test_oversized_blocks(self) -> None:
        with using(pure=False):
            made = engine.engine()
            model = made.model(80, 16)
            for shapes in ([Block(1 << 40, 1 << 40, 1 << 40)], [Block(1, 1, 1 << 47)] * 3):
                with pytest.raises(ValueError, match="too many values"):
                    made.blocks(model, shapes)
            with pytest.raises(MemoryError):
                made.writer().put(made.blocks(model, [Block(1, 1 << 47, 2)]), np.zeros(1, np.int32))
            with pytest.raises(MemoryError):
                made.reader(b"").take(made.blocks(model, [Block(1, 1 << 47, 2)]), np.zeros(1, np.int32))

    def test_an_invalid_model(self) -> None:
        with using(pure=False):
            for scale, confidence in ((240, 16), (-1, 16), (80, 256), (80, -1)):
                with pytest.raises(ValueError, match="no such model"):
                    engine.engine().model(scale, confidence)

    def test_one_coder_in_two_threads(self) -> None:
        with using(pure=False):
            made = engine.engine()
            writer, values = made.writer(), np.ones(3_000_000, np.int32)
            blocks = made.blocks(made.model(80, 16), [Block(1, 1, len(values))])
            thread = threading.Thread(target=writer.put, args=(blocks, values))
            refused = 0
            thread.start()
            while thread.is_alive():
                try:
                    writer.put(blocks, values[:0])
                except RuntimeError:
                    refused += 1
            thread.join()
        assert refused
