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
from frformat import EncodeError, Spectrum
from frformat.torch import factorize, load_file, load_model, save_file, save_model
from frformat.torch.regularization import (
    formats,
    load_spectra,
    regularize,
    set_format,
    spectra,
    spectral_state,
    spectral_tensors,
    truncate,
    unregularize,
)
from tests.sums import assert_same, network_slack, same_sums
from tests.torch.regularization.models import Net, Tied, net_input


def save(model, path):
    save_file(spectral_state(model), path, format=formats(model))


@given(keep=st.integers(1, 60), format=st.sampled_from([None, "q4", "q8", "f16", "step=0.03"]))
def test_a_saved_model_has_the_outputs_of_the_trained_one(keep, format, tmp_path_factory):
    path = tmp_path_factory.mktemp("frz") / "model.frz"
    model = regularize(Net(), keep, rules=["*.bias: keep=3"], example=net_input())
    model(net_input(8))  # running statistics
    set_format(model, format)
    model.eval()
    save(model, path)
    plain = Net().eval()
    assert load_model(plain, path) == ([], [])
    x = net_input(5)
    with torch.no_grad():
        expected = model(x)
        assert_same(plain(x), expected, network_slack(model, x))


def test_the_file_contains_only_the_coefficients_of_a_regularized_tensor(tmp_path):
    model = regularize(Net(), 20, rules=["conv.weight: keep=7 format=q6"])
    save(model, tmp_path / "model.frz")
    with frformat.open(tmp_path / "model.frz") as file:
        assert set(file) == set(Net().state_dict())
        kept = {name: file.info(name).kept for name in spectra(model)}
        assert kept == {"conv.weight": (7,), "fc1.weight": (20,), "fc2.weight": (20,)}
        assert file.info("conv.weight").step is not None


def test_tied_tensors_are_stored_once_and_tied_again(tmp_path):
    model = regularize(Tied(), 20)
    save(model, tmp_path / "model.frz")
    loaded = load_file(tmp_path / "model.frz")
    assert loaded["embedding.weight"] is loaded["head.weight"]


def test_a_parametrization_on_top_is_stored_as_its_result(tmp_path):
    model = regularize(nn.Sequential(nn.Linear(6, 5)), 9)
    nn.utils.parametrize.register_parametrization(model[0], "weight", nn.Tanh())
    state = spectral_state(model)
    assert state.keys() == {"0.weight", "0.bias"}
    same_sums(state["0.weight"], model[0].weight, terms=9)


def test_spectra_are_loaded_into_a_model_bit_for_bit():
    source, target = regularize(Net(), 20), regularize(Net(), 5)
    load_spectra(target, spectra(source))
    for mine, its in zip(spectra(source).values(), spectra(target).values(), strict=True):
        assert mine.coefficients.tobytes() == its.coefficients.tobytes()


@pytest.mark.parametrize(
    ("name", "spectrum", "message"),
    [
        ("conv", Spectrum([1.0], (6, 1, 3, 3)), "'conv' is not a regularized tensor"),
        ("conv.weight", Spectrum([1.0], (6, 9)), r"shape \[6, 9\] with k=1, but the model has shape \[6, 1, 3, 3\]"),
        ("conv.weight", Spectrum([1.0], (6, 1, 3, 3), (54,)), r"in shape \[54\]"),
        ("conv.weight", Spectrum([], (6, 1, 3, 3)), "k=0"),
    ],
)  # fmt: skip
def test_mismatched_spectra(name, spectrum, message):
    model = regularize(Net(), 5)
    with pytest.raises(ValueError, match=message):
        load_spectra(model, {"fc1.weight": Spectrum([1.0], (12, 54)), name: spectrum})
    assert spectral_tensors(model)["fc1.weight"].kept == 5


@given(st.integers(1, 48), st.integers(1, 48))
def test_a_state_dict_determines_the_lengths(before, after):
    source, target = regularize(Net(), before), regularize(Net(), after)
    optimizer = torch.optim.SGD(target.parameters(), 0.1)
    truncate(source, {"fc1.weight": 1})
    target.load_state_dict(source.state_dict())
    assert {name: t.kept for name, t in spectral_tensors(target).items()} == {
        name: t.kept for name, t in spectral_tensors(source).items()
    }
    x = net_input()
    assert_same(target.eval()(x), source.eval()(x), network_slack(source, x))
    target(x).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("shape", [(49,), (0,), (7, 1)])
def test_a_mismatched_state_dict_causes_pytorchs_error(shape):
    model = regularize(Net(), 5)
    state = model.state_dict()
    state["fc2.parametrizations.weight.original"] = torch.zeros(shape)
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(state)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("factored", [False, True])
def test_assigned_coefficients_determine_the_device_and_the_type(dtype, device, factored):
    """The tables that expand coefficients are not part of the state dict, and must follow."""
    source = regularize(Net(), 20).to(dtype).eval()
    target = regularize(Net(), 20 if factored else 7).eval()
    x = net_input(4).to(dtype)
    if factored:
        source, target = factorize(source, x), factorize(target, x.float())
    target = target.to(device)
    target.load_state_dict(source.state_dict(), assign=True)
    with torch.no_grad():
        assert torch.equal(target(x), source(x))


def _stepped(model, optimizer):
    model(net_input(2)).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("way", ["load_model", "load_state_dict", "truncate", "unregularize"])
def test_a_model_that_was_changed_in_inference_mode_can_be_trained(way, tmp_path):
    other = regularize(Net(), 20)
    save_model(other, tmp_path / "model.frz")
    state, model = other.state_dict(), regularize(Net(), 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if way == "truncate":
        _stepped(model, optimizer)
    with torch.inference_mode():
        if way == "load_model":
            load_model(model, tmp_path / "model.frz")
        elif way == "load_state_dict":
            model.load_state_dict(state)
        elif way == "unregularize":
            unregularize(model)
        else:
            truncate(model, 5, optimizer)
        model(net_input(2))
    optimizer.zero_grad()
    _stepped(model, optimizer)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_deep_copies_are_independent():
    model = regularize(Net(), 20)
    twin = copy.deepcopy(model)
    truncate(twin, 3)
    twin.load_state_dict(regularize(Net(), 9).state_dict())
    unregularize(twin)
    assert {tensor.kept for tensor in spectral_tensors(model).values()} == {20}
    assert model(net_input()).isfinite().all()


def test_a_diverged_tensor_is_named():
    model = regularize(Net(), 9)
    model.fc1.parametrizations.weight.original.data[2:4] = math.nan
    with pytest.raises(EncodeError, match=r"^tensor 'fc1.weight': 2 of 9 coefficients are infinite or NaN: training"):
        spectra(model)


@pytest.mark.parametrize(("scale", "what"), [(1e-60, "become zeros in"), (1e60, "exceed the range of")])
def test_coefficients_that_a_file_cannot_represent_are_refused(scale, what):
    model = regularize(Net().double(), 9)
    model.fc1.parametrizations.weight.original.data.mul_(scale)
    with pytest.raises(EncodeError, match=f"^tensor 'fc1.weight': values up to .* {what} torch.float32, the type in"):
        spectra(model)


def test_coefficients_and_formats_that_a_model_cannot_represent_are_refused():
    model = regularize(nn.Linear(512, 512).half(), 9)
    with pytest.raises(ValueError, match=r"weight: values up to 1e\+05 exceed the range of torch.float16"):
        load_spectra(model, {"weight": Spectrum(np.full(3, 1e5, np.float32), (512, 512), dtype="f16")})
    model = regularize(nn.Linear(512, 512), 9)
    model.parametrizations.weight.original.data[0] = 1e5
    with pytest.raises(ValueError, match="weight: a value of 100000 is too large for f16"):
        set_format(model, "f16")
    assert not formats(model)
