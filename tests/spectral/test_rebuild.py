from __future__ import annotations

import itertools
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frformat import Spectrum
from frformat.dtypes import DTYPES, REAL_DTYPES
from frformat.spectral import products, zigzag
from frformat.spectral import rebuild as engine
from frformat.spectral.bases import Basis, Dct, Identity, Seeded, Stored
from frformat.spectral.rebuild import rebuild, tiles, working_memory

REAL = [DTYPES[name] for name in REAL_DTYPES]


def naive(core: np.ndarray, bases: list[Basis]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the sum of section 8 of the specification axis by axis, and the same sum of magnitudes."""
    weights = np.asarray(core, np.float64)
    terms = np.abs(weights)
    for axis, basis in enumerate(bases):
        u = basis.rows(0, basis.length)
        weights = np.moveaxis(np.tensordot(u, weights, (1, axis)), 0, axis)
        terms = np.moveaxis(np.tensordot(np.abs(u), terms, (1, axis)), 0, axis)
    return weights, terms


def check(core: np.ndarray, bases: list[Basis], dtype: np.dtype) -> None:
    """Check that the result is within the tolerance of the specification, apart from rounding to the dtype."""
    out = np.full([basis.length for basis in bases], 7, dtype)
    rebuild(core, bases, out)
    weights, terms = naive(core, bases)
    scale = (terms if any(basis.cancels for basis in bases) else np.abs(weights)).max(initial=0)
    delta = 1e-6 * scale + 2.0**-126
    with np.errstate(over="ignore"):
        low, high = (weights - delta).astype(dtype), (weights + delta).astype(dtype)
    assert ((low <= out) & (out <= high)).all()


@st.composite
def bases(draw: st.DrawFn, least: int = 0) -> Basis:
    n = draw(st.sampled_from([1, 2, 3, 4, 5, 9, 17]))
    r = draw(st.integers(least, n))
    match draw(st.integers(0, 4)):
        case 0:
            return Identity(n, n)
        case 1:
            return Identity(n, r)
        case 2:
            return Dct(n, r)
        case 3:
            return Stored(np.random.default_rng(n).standard_normal((r + 1, n)).astype(np.float32), r)
    return Seeded(draw(st.integers(0, 2**64 - 1)), n, r)


def normal(axes: list[Basis], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal([basis.count for basis in axes]).astype(np.float32)


@given(st.lists(bases(), max_size=5), st.sampled_from(REAL))
def test_any_bases(axes: list[Basis], dtype: np.dtype) -> None:
    check(normal(axes), axes, dtype)


@given(st.lists(bases(1), min_size=1, max_size=5), st.sampled_from(REAL))
@settings(max_examples=300)
def test_any_bases_in_small_chunks(axes: list[Basis], dtype: np.dtype) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "CHUNK", 64)
        patch.setattr(engine, "BLOCK", 32)
        patch.setattr(products, "BLOCK", 32)
        check(normal(axes), axes, dtype)


@pytest.mark.parametrize(
    ("shape", "corner"),
    [
        ((1024, 512, 3, 3), (4, 5, 3, 3)),  # the first axis last, in float32
        ((512, 1024, 3, 3), (4, 4, 3, 3)),
        ((3, 200_000), (3, 11)),  # a long line
        ((3, 200_000, 2), (3, 9, 2)),  # a long line in the middle
        ((300_000,), (40,)),
        ((1, 1, 70_000, 1), (1, 1, 5, 1)),
        ((400, 400), (400, 400)),  # everything kept
        ((20_011,), (20_011,)),  # by FFT, of a prime length
        ((3, 4001, 2), (3, 4001, 2)),
        ((6,) * 8, (3,) * 8),
    ],
)
def test_large_tensors(shape: tuple[int, ...], corner: tuple[int, ...]) -> None:
    axes: list[Basis] = [Dct(n, r) for n, r in zip(shape, corner, strict=True)]
    core = normal(axes)
    single, double = np.empty(shape, np.float32), np.empty(shape)
    rebuild(core, axes, single)
    rebuild(core, axes, double)
    assert np.abs(single - double).max() <= 1e-6 * np.abs(double).max()
    for x in np.random.default_rng(1).integers(0, shape, (20, len(shape))):
        expected = np.asarray(core, np.float64)
        for basis, at in zip(axes, x.tolist(), strict=True):
            expected = np.tensordot(basis.rows(at, at + 1)[0], expected, (0, 0))
        assert double[tuple(x)] == pytest.approx(float(expected), abs=1e-9)


def test_batch_axes_around_a_kernel() -> None:
    axes: list[Basis] = [Identity(300, 300), Identity(200, 200), Dct(3, 2), Dct(3, 3)]
    check(normal(axes), axes, np.dtype(np.float32))


def test_a_corner_of_batch_axes_leaves_zeros() -> None:
    axes: list[Basis] = [Identity(300, 7), Dct(5, 2), Identity(900, 3)]
    check(normal(axes), axes, np.dtype(np.float32))


def test_cancelling_terms_use_float64() -> None:
    # Large entries whose sum is small: float32 sums would be off by more than allowed.
    axes: list[Basis] = [Dct(64, 32), Dct(64, 32), Dct(32, 2)]
    core = np.zeros((32, 32, 2), np.float32)
    core[0, 0, 0], core[0, 0, 1], core[0, 1, 0] = 1e6, -1e6 / 2**0.5, 1e3
    check(core, axes, np.dtype(np.float32))


def test_huge_numbers_overflow_to_infinity() -> None:
    out = np.empty((4, 4), np.float16)
    rebuild(np.full((1, 1), 1e6, np.float32), [Dct(4, 1), Dct(4, 1)], out)
    assert np.isinf(out).all()


class TestExactly:
    """Without sums, every machine computes the same bits."""

    @given(st.sampled_from(REAL), st.data())
    def test_selecting_rounds_once(self, dtype: np.dtype, data: st.DataObject) -> None:
        core = np.array(data.draw(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=9)), np.float32)
        out = np.full(12, 7, dtype)
        rebuild(core, [Identity(12, len(core))], out)
        with np.errstate(over="ignore"):
            assert np.array_equal(out, np.append(core, np.zeros(12 - len(core), np.float32)).astype(dtype))

    @given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), st.sampled_from(REAL))
    def test_single_products_are_rounded_once(self, values: list[float], dtype: np.dtype) -> None:
        factor = np.array([values], np.float32)
        core = np.array([[3.3, -1.7]], np.float32).reshape(1, 2, 1)
        out = np.empty((3, 2, 5), dtype)
        seeded = Seeded(11, 5, 1)
        rebuild(core, [Stored(factor, 1), Identity(2, 2), seeded], out)
        for x, b, y in itertools.product(range(3), range(2), range(5)):
            product = float(core[0, b, 0]) * float(factor[0, x]) * float(seeded.rows(y, y + 1)[0, 0])
            assert out[x, b, y] == _rounded(product, dtype)

    def test_bfloat16_is_rounded_once(self) -> None:
        # The product, about 1 + 2^-8 + 2^-31, lies above the midpoint of two bfloat16 numbers. Via float32, it would be
        # rounded to the midpoint, and then to the even one of the two.
        out = np.empty((1,), ml_dtypes.bfloat16)
        core = np.array([1 + 2.0**-23], np.float32)
        factor = np.array([[1 + 2.0**-8 - 2.0**-23]], np.float32)
        exact = float(core[0]) * float(factor[0, 0])
        rebuild(core, [Stored(factor, 1)], out)
        assert exact != float(np.float32(exact))
        assert out[0] == _rounded(exact, np.dtype(ml_dtypes.bfloat16))


def _rounded(value: float, dtype: np.dtype) -> object:
    """Return the nearest number of a type, ties to even, without an intermediate type."""
    if dtype != ml_dtypes.bfloat16:
        return np.float64(value).astype(dtype)
    bits = int(np.float64(value).view(np.uint64))
    drop = 52 - 7
    half, rest = 1 << (drop - 1), bits & ((1 << drop) - 1)
    kept = bits >> drop << drop
    up = rest > half or (rest == half and bits >> drop & 1)
    return np.uint64(kept + (up << drop)).view(np.float64).astype(np.float32).astype(dtype)


class TestNothing:
    def test_no_entries_yield_zeros(self) -> None:
        out = np.full((3, 4), np.nan, np.float32)
        rebuild(np.empty((0, 2), np.float32), [Dct(3, 0), Dct(4, 2)], out)
        assert not out.any()

    def test_no_elements(self) -> None:
        rebuild(np.empty((0, 2), np.float32), [Identity(0, 0), Dct(4, 2)], np.empty((0, 4), np.float32))

    def test_rank_0(self) -> None:
        out = np.empty((), np.float32)
        rebuild(np.array(2.5, np.float32), [], out)
        assert out == 2.5


class TestTiles:
    @given(st.lists(st.integers(0, 6), max_size=4).map(tuple), st.integers(1, 30))
    def test_cover_an_array_in_order(self, shape: tuple[int, ...], size: int) -> None:
        array = np.arange(zigzag.element_count(shape)).reshape(shape)
        parts = [array[part] for part in tiles(shape, size)]
        assert np.array_equal(np.concatenate([part.reshape(-1) for part in parts] or [np.empty(0)]), array.reshape(-1))
        assert all(part.size <= size for part in parts)


FACTOR = np.random.default_rng(0).standard_normal((60, 700)).astype(np.float32)


@pytest.mark.parametrize(
    "axes",
    [
        [Dct(1024, 4), Dct(512, 5), Dct(3, 3), Dct(3, 3)],
        [Dct(2_000_000, 1000)],
        [Dct(1 << 20, 1 << 19)],
        [Identity(500, 500), Identity(400, 400), Dct(3, 2), Dct(3, 3)],
        [Stored(FACTOR, 60), Stored(FACTOR, 50), Identity(3, 3)],
        [Identity(900, 900), Stored(FACTOR, 60)],
        [Seeded(5, 1_000_000, 3)],
        [Seeded(5, 1000, 500), Dct(900, 10)],
        [Dct(6, 5)] * 8,
        [Dct(700, 700), Dct(900, 900)],
        [Identity(2000, 100), Dct(1000, 9)],
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_working_memory_is_counted(axes: list[Basis], dtype: type) -> None:
    core = normal(axes)
    out = np.empty([basis.length for basis in axes], dtype)
    tracemalloc.start()
    rebuild(core, axes, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= working_memory(axes) + (1 << 18)


@pytest.mark.parametrize(
    ("axes", "most"),
    [
        ([Dct(900, 900), Dct(1000, 1000)], 0.8),  # without this, a copy of the core
        ([Dct(800, 800), Identity(2, 2), Dct(700, 700)], 1.5),
        ([Dct(90, 90), Dct(95, 95), Dct(100, 100)], 2.5),
    ],
)
def test_a_core_that_can_be_overwritten_saves_memory_and_changes_no_bit(axes: list[Basis], most: float) -> None:
    core, out = normal(axes).astype(np.float64), np.empty([basis.length for basis in axes], np.float32)
    given = core.copy()
    rebuild(core, axes, out)
    assert np.array_equal(core, given)
    again = np.empty_like(out)
    tracemalloc.start()
    rebuild(core, axes, again, scratch=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(out, again)
    assert peak < most * core.nbytes


def test_a_spectrum_is_rebuilt_in_the_shape_of_its_view() -> None:
    values = np.random.default_rng(0).standard_normal(20).astype(np.float32)
    spectrum = Spectrum(values, (6, 20), (3, 4, 10), "f64")
    box = spectrum.box
    axes: list[Basis] = [Dct(n, r) for n, r in zip((3, 4, 10), box, strict=True)]
    expected, _ = naive(zigzag.scattered(values, box), axes)
    assert np.allclose(spectrum.weights(), expected.reshape(6, 20), atol=1e-6)
