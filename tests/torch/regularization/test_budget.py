from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from frformat.torch.regularization import allocate, regularize, sensitivity, spectral_tensors, truncate
from tests.torch.regularization.models import Net, net_input


def model_of(*coefficients: list[float]) -> nn.Module:
    """Return a model of vectors with these spectra."""
    model = nn.ParameterDict({f"v{i}": nn.Parameter(torch.zeros(len(c))) for i, c in enumerate(coefficients)})
    regularize(model, rules=["*: keep=100%"])
    for tensor, values in zip(spectral_tensors(model).values(), coefficients, strict=True):
        tensor.coefficients.data = torch.tensor(values)
    return model


magnitudes = st.lists(st.floats(0, 10, width=32), min_size=1, max_size=6)


def square(tensor):
    return tensor.coefficients.detach().double().square()


@given(st.lists(magnitudes, min_size=1, max_size=3), st.data())
def test_the_total_is_spent_and_never_much_worse_than_best(spectra, data):
    total = data.draw(st.integers(len(spectra), sum(map(len, spectra)) + 2))
    kept = allocate(model_of(*spectra), total, score=square)
    assert sum(kept.values()) == min(total, sum(map(len, spectra)))
    assert all(1 <= count <= len(spectrum) for count, spectrum in zip(kept.values(), spectra, strict=True))

    def energy(counts):
        return sum(sum(x * x for x in spectrum[:k]) for spectrum, k in zip(spectra, counts, strict=True))

    choices = itertools.product(*(range(1, len(spectrum) + 1) for spectrum in spectra))
    best = max(energy(counts) for counts in choices if sum(counts) <= total)
    # The allocation is optimal except for the last run of coefficients, whose energy is at most one tensor's total.
    last = max(sum(x * x for x in spectrum) for spectrum in spectra)
    assert energy(kept.values()) >= best - last - 1e-6


@given(st.lists(magnitudes.map(lambda m: sorted(m, reverse=True)), min_size=1, max_size=3), st.data())
def test_it_is_exact_for_decreasing_spectra(spectra, data):
    total = data.draw(st.integers(len(spectra), sum(map(len, spectra))))
    kept = allocate(model_of(*spectra), total, score=square)
    energy = sum(sum(x * x for x in spectrum[:k]) for spectrum, k in zip(spectra, kept.values(), strict=True))
    first = sum(spectrum[0] ** 2 for spectrum in spectra)
    rest = sorted((x * x for spectrum in spectra for x in spectrum[1:]), reverse=True)
    assert energy == pytest.approx(first + sum(rest[: total - len(spectra)]), rel=1e-5)


def test_scale_does_not_matter_but_shape_does():
    kept = allocate(model_of([100.0, 90.0, 80.0, 70.0], [0.01, 0, 0, 0]), 5)
    assert kept == {"v0": 4, "v1": 1}
    assert allocate(model_of([1.0] * 6, [1.0] * 6), 9, least=4) == {"v0": 5, "v1": 4}


def test_sensitivity_is_about_the_loss():
    model = regularize(Net())
    with pytest.raises(ValueError, match=r"conv.weight has no gradient: allocate after loss.backward\(\)"):
        allocate(model, 100, score=sensitivity)
    spectral_tensors(model)["fc2.weight"].coefficients.data.mul_(1e-6)
    model(net_input())[:, 0].sum().backward()
    kept = allocate(model, 100, score=sensitivity)
    assert kept["fc2.weight"] == 48 or kept["fc2.weight"] > kept["conv.weight"]
    assert sum(truncate(model, kept).values()) == 100


def test_a_total_below_the_minimum():
    with pytest.raises(ValueError, match="a total of 2 is less than 3, the minimum for 3 tensors"):
        allocate(regularize(Net()), 2)
