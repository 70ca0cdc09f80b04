from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import CodedTensor, EncodeError, Spectrum
from frformat.encoding import Energy, Everything, Keep, MaxError
from frformat.encoding.selection import energy_left
from frformat.encoding.source import Coefficients, Source, Weights

RNG = np.random.default_rng(5)
SHAPE = (12, 10, 3)
NOISE = RNG.standard_normal(SHAPE).astype(np.float32)
WHOLE = Spectrum.of(NOISE, NOISE.size).coefficients.astype(np.float64)


def exact(spectrum: Spectrum) -> Spectrum:
    return spectrum


def choose(selection: Keep | Energy | MaxError | Everything, source: Source, most: int = 1 << 40) -> int | None:
    return selection.choose(source, exact, most)


@pytest.mark.parametrize("source", [Weights(NOISE), Coefficients(Spectrum.of(NOISE, NOISE.size))])
def test_both_sources_agree(source: Source):
    assert source.elements == source.count == 360
    assert source.energy == pytest.approx(float(np.square(NOISE, dtype=np.float64).sum()))
    assert source.largest == pytest.approx(float(np.abs(NOISE).max()), rel=1e-5)
    np.testing.assert_allclose(source.spectrum(50).coefficients, WHOLE[:50], rtol=1e-5)
    np.testing.assert_allclose(source.spectrum(20).coefficients, WHOLE[:20], rtol=1e-5)
    rebuilt = source.spectrum(100).weights()
    wanted = np.abs(rebuilt - NOISE).max() / np.abs(NOISE).max()
    assert source.error(source.spectrum(100)) == pytest.approx(wanted, rel=1e-4)


def test_a_given_spectrum_that_is_stored_exactly_has_no_error():
    source = Coefficients(Spectrum.of(NOISE, 30))
    assert source.error(source.spectrum(30)) == 0
    assert source.count == 30


def test_keep_is_a_number_or_a_share_of_the_elements():
    assert choose(Keep(7), Weights(NOISE)) == 7
    assert choose(Keep(1000), Weights(NOISE)) == 360
    assert choose(Keep(0.1), Weights(NOISE)) == 36
    assert choose(Keep(1e-9), Weights(NOISE)) == 1
    assert choose(Keep(0.1), Coefficients(Spectrum.of(NOISE, 20))) == 20
    assert choose(Everything(), Coefficients(Spectrum.of(NOISE, 20))) == 20


@pytest.mark.parametrize("share", [1e-6, 0.1, 0.5, 0.9, 0.999])
def test_energy_keeps_the_fewest_that_contain_the_share(share: float):
    held = np.cumsum(WHOLE**2)
    fewest = int(np.searchsorted(held, share * held[-1])) + 1
    assert choose(Energy(share), Weights(NOISE)) == fewest


def test_energy_finds_the_end_of_a_truncated_spectrum():
    weights = Spectrum(np.arange(1, 34, dtype=np.float32), (64, 32, 3, 3)).weights()
    assert choose(Energy(1.0), Weights(weights)) == 33


def test_energy_computes_no_more_than_necessary(monkeypatch: pytest.MonkeyPatch):
    asked = []
    original = Spectrum.of

    def of(array, k, view=None):
        asked.append(k)
        return original(array, k, view)

    weights = original(RNG.standard_normal((200, 100)).astype(np.float32), 20).weights()
    monkeypatch.setattr(Spectrum, "of", of)
    assert choose(Energy(0.9999), Weights(weights)) <= 20
    assert asked == [0, 64]


@given(
    hnp.arrays(np.float32, (5, 7), elements=st.floats(-10, 10, width=16)),
    st.floats(0.001, 1),
    st.integers(0, 35),
)
def test_max_error_keeps_its_promise_or_gives_up(weights: np.ndarray, share: float, most: int):
    source = Weights(weights)
    k = choose(MaxError(share), source, most)
    if k is None:
        assert source.error(source.spectrum(most)) > share
    else:
        assert k <= most
        assert source.error(source.spectrum(k)) <= share


def test_max_error_keeps_the_fewest_if_the_error_is_monotonic():
    weights = Spectrum((2.0 ** -np.arange(30)).astype(np.float32), (40, 30)).weights()
    source = Weights(weights)
    for share in (0.5, 0.1, 0.01, 1e-4):
        k = choose(MaxError(share), source)
        assert k is not None
        assert source.error(source.spectrum(k)) <= share < source.error(source.spectrum(k - 1))


def test_max_error_includes_the_number_format():
    def coarse(spectrum: Spectrum) -> Spectrum:
        return Spectrum(np.round(spectrum.coefficients), spectrum.shape)

    assert MaxError(0.2).choose(Weights(NOISE), coarse, 360) != MaxError(0.2).choose(Weights(NOISE), exact, 360)
    assert MaxError(1e-3).choose(Weights(NOISE), coarse, 360) is None


@pytest.mark.parametrize("selection", [Keep(0.5), Energy(0.5), MaxError(0.5)])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (4, 4)])
def test_tensors_of_zeros_and_without_elements(selection, shape: tuple[int, ...]):
    k = choose(selection, Weights(np.zeros(shape, np.float32)))
    assert k is not None
    assert 0 <= k <= np.zeros(shape).size


def test_weights_must_be_finite_and_views_fit():
    with pytest.raises(EncodeError, match="a weight is not finite"):
        Weights(np.array([1, np.nan], np.float32))
    with pytest.raises(EncodeError, match=r"view \[3\] does not have the 4 elements"):
        Weights(np.ones(4, np.float32), (3,))


@pytest.mark.parametrize("dtype", ["f2", "f8", "bfloat16"])
def test_all_float_types_are_weights(dtype: str):
    import ml_dtypes

    weights = Weights(NOISE.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype))
    assert weights.error(weights.spectrum(360)) < 0.01
    assert choose(Energy(0.5), weights) == pytest.approx(choose(Energy(0.5), Weights(NOISE)), abs=3)


def test_energy_includes_the_loss_of_the_number_format():
    source = Weights(NOISE)

    def stored(bits: int) -> Callable[[Spectrum], Spectrum]:
        return lambda spectrum: CodedTensor.of_spectrum(spectrum, f"q{bits}").spectrum() or spectrum

    k = Energy(0.95).choose(source, stored(5), source.count)
    assert k is not None
    assert k > (choose(Energy(0.95), source) or 0)
    spectrum = source.spectrum(k)
    assert energy_left(source, spectrum, stored(5)(spectrum)) >= 0.95
    assert Energy(0.99).choose(source, stored(3), source.count) is None, "no number of coefficients suffices"
