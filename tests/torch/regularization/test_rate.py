from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import frformat
from frformat.format.limits import STEP_CODES
from frformat.format.quantization import step_code
from frformat.torch import load_model, parameter_groups, save_file, save_model
from frformat.torch.regularization import (
    RateTerm,
    file_size,
    fit_file_size,
    make_tiers,
    regularize,
    set_format,
    spectral_tensors,
    truncate,
)
from frformat.torch.regularization.code_length import bits
from frformat.torch.regularization.rounding import learned_quantize, level_of, step_of
from tests.torch.regularization.models import Tied
from tests.torch.regularization.test_rounding import as_stored, values

STEPS = 150


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 4))


def trained_for(size):
    """Train a network whose task needs some, but not all, of its coefficients."""
    model = regularize(network(), 400, rules=["*.bias: keep=4"])
    rate = RateTerm(model, size, steps=STEPS)
    optimizer = torch.optim.Adam(parameter_groups(model), lr=0.05)
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, 64, generator=generator)
    labels = (inputs[:, ::16].cumsum(1)).argmax(1)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        loss = nn.functional.cross_entropy(model(inputs), labels) + rate()
        loss.backward()
        optimizer.step()
        rate.step()
        optimizer.zero_grad()
    return model, rate, inputs


@given(values, st.floats(-40, 80))
def test_training_with_a_learned_step_sees_the_values_of_the_file(coefficients, level):
    level = torch.tensor(level)
    expected = as_stored(coefficients, f"step={float(step_of(level))}")
    np.testing.assert_array_equal(learned_quantize(torch.from_numpy(coefficients), level).numpy(), expected)


def test_the_gradients_of_coefficients_and_steps():
    coefficients = torch.tensor([0.3, -1.2, 2.6], requires_grad=True)
    level = torch.tensor(level_of(0.5), requires_grad=True)
    upstream = torch.tensor([1.0, 2.0, 3.0])
    learned_quantize(coefficients, level).backward(upstream)
    assert torch.equal(coefficients.grad, upstream)
    wanted = upstream @ (torch.tensor([0.5, -1.0, 2.5]) - coefficients.detach()) * math.log(2) / 4
    torch.testing.assert_close(level.grad, wanted)


def test_steps_have_levels_and_stay_in_the_range_of_files():
    for size in (0.5, 1.0, 17 / 16, 3e-5):
        assert step_of(torch.tensor(level_of(size))) == pytest.approx(size, rel=0.03)
    for extreme in (-1e9, 1e9):
        assert step_code(float(step_of(torch.tensor(extreme)))) in STEP_CODES


@given(st.floats(0.03, 300))
def test_probabilities_add_up_to_one(scale):
    integers = torch.arange(-20000.0, 20001.0, dtype=torch.float64)
    total = torch.exp2(-bits(integers, torch.full_like(integers, scale))).sum()
    assert float(total) == pytest.approx(1, abs=1e-3)


@given(st.floats(-300, 300), st.floats(0.03, 300))
def test_gradients_are_slopes_between_whole_numbers(quotient, scale):
    exact = torch.tensor([quotient], dtype=torch.float64, requires_grad=True)
    spread = torch.full_like(exact, scale)
    value = bits(exact, spread)
    value.sum().backward()
    below = exact.detach().abs().floor()
    with torch.no_grad():
        assert torch.equal(value, bits(exact.round(), spread))
        slope = (bits(below + 1, spread) - bits(below, spread)) * exact.sign()
    assert torch.equal(exact.grad, slope)


def test_training_leaves_few_coefficients_undecided():
    """Coefficients that do not pay for themselves become zero, and do not stay where rounding changes."""
    model, _, _ = trained_for(300)
    fractions = torch.cat(
        [
            (tensor.coefficients.detach() / step_of(tensor.spectral.level)).abs()
            for tensor in spectral_tensors(model).values()
        ]
    )
    assert float(((fractions > 0.45) & (fractions < 0.55)).double().mean()) < 0.1
    assert float((fractions < 0.25).double().mean()) > 0.4


@pytest.mark.parametrize("size", [200, 400])
def test_the_file_has_the_size_and_contains_the_evaluated_values(size, tmp_path):
    model, rate, inputs = trained_for(size)
    assert rate.finish() <= size
    path = tmp_path / "model.frz"
    save_model(model, path)
    assert path.stat().st_size == rate.nbytes == file_size(model)
    assert rate.nbytes >= 0.9 * size
    with frformat.open(path) as file:
        for name, tensor in spectral_tensors(model).items():
            seen = tensor.spectral.stored(tensor.coefficients).detach().numpy()
            np.testing.assert_array_equal(file.spectrum(name).coefficients, seen)
            assert seen[-1] != 0 or len(seen) == 1
    plain = network()
    load_model(plain, path)
    torch.testing.assert_close(plain(inputs), model(inputs), atol=1e-5, rtol=1e-5)


def test_a_state_continues_where_it_was_saved():
    model = regularize(network(), 100)
    rate = RateTerm(model, 400, steps=40)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)

    def advance(model, rate, optimizer):
        for _ in range(15):
            (model(torch.ones(2, 64)).square().sum() + rate()).backward()
            optimizer.step()
            rate.step()
            optimizer.zero_grad()

    advance(model, rate, optimizer)
    again = copy.deepcopy(model)
    other = RateTerm(again, 400, steps=40)
    again.load_state_dict(model.state_dict())
    other.load_state_dict(rate.state_dict())
    copied = torch.optim.Adam(again.parameters(), 0.05)
    copied.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    advance(model, rate, optimizer)
    advance(again, other, copied)
    assert other.multiplier == rate.multiplier
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), again.parameters(), strict=True))


def test_state_dicts_contain_the_steps_as_number_formats(tmp_path):
    model = regularize(network(), 100)
    RateTerm(model, 400, steps=1)
    assert "0.parametrizations.weight.0.level" in model.state_dict()
    save_model(model, tmp_path / "model.frz")
    save_file(model.state_dict(), tmp_path / "state.frz")
    assert (tmp_path / "state.frz").read_bytes() == (tmp_path / "model.frz").read_bytes()


def test_another_format_ends_the_learning_of_steps():
    model = regularize(network(), 100)
    RateTerm(model, 400, steps=1)
    set_format(model, "q6")
    assert all(tensor.spectral.level is None for tensor in spectral_tensors(model).values())
    assert {tensor.spectral.format for tensor in spectral_tensors(model).values()} == {"q6"}


def test_a_term_without_learned_steps_says_so():
    model = regularize(network(), 100)
    rate = RateTerm(model, 400, steps=1)
    set_format(model, "q6")
    with pytest.raises(ValueError, match=r"^0\.weight: its quantization step is no longer learned"):
        rate()


def test_a_schedule_can_truncate_in_the_meantime():
    model = regularize(network(), 100)
    rate = RateTerm(model, 400, steps=1)
    before = rate().detach()
    truncate(model, 50)
    assert 0 < rate().detach() < before


def test_tied_tensors_count_once(tmp_path):
    model = regularize(Tied(), 9)
    RateTerm(model, 400, steps=1)
    size = file_size(model)
    assert fit_file_size(model, size) <= size
    save_model(model, tmp_path / "model.frz")
    assert (tmp_path / "model.frz").stat().st_size == file_size(model)


def test_coefficients_are_dropped_until_the_file_fits():
    model = regularize(network(), 400, rules=["*.bias: keep=4"])
    RateTerm(model, 2000, steps=1)
    assert file_size(model) > 300
    assert 0.9 * 300 < fit_file_size(model, 300) <= 300


def test_a_size_below_that_of_names_and_shapes_is_refused_and_changes_nothing():
    model = regularize(network(), 400)
    with pytest.raises(
        ValueError, match=r"^size=40: names, shapes and tensors that are not regularized already take \d+ bytes$"
    ):
        RateTerm(model, 40, steps=10)
    assert all(tensor.spectral.level is None for tensor in spectral_tensors(model).values())
    RateTerm(model, 2000, steps=10)
    with pytest.raises(ValueError, match=r"^size=40: the file has \d+ bytes even without coefficients$"):
        fit_file_size(model, 40)
    assert all(tensor.kept > 4 for tensor in spectral_tensors(model).values())


def test_unusable_arguments():
    with pytest.raises(ValueError, match="Sequential has no regularized tensor"):
        RateTerm(network(), 900, steps=10)
    with pytest.raises(ValueError, match="steps=0: must be at least 1"):
        RateTerm(regularize(network(), 9), 900, steps=0)
    tiered = regularize(network(), 9)
    make_tiers(tiered, [3])
    with pytest.raises(ValueError, match="a model with tiers has several sizes"):
        RateTerm(tiered, 900, steps=10)
