from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from frformat.torch.regularization import regularize, spectral_tensors, truncate
from tests.torch.regularization.models import Net, Tied, net_input


def train(model, *optimizers):
    for optimizer in optimizers:
        optimizer.zero_grad()
    model(net_input()).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()


@given(st.integers(1, 54), st.sampled_from([torch.optim.Adam, torch.optim.Rprop, torch.optim.Adadelta]))
def test_optimizer_state_is_truncated_with_the_coefficients(count, kind):
    model = regularize(Net())
    optimizer = kind(model.parameters())
    train(model, optimizer)
    tensor = spectral_tensors(model)["conv.weight"]
    parameter = tensor.coefficients
    before = parameter.detach().clone()
    state = {key: value.clone() for key, value in optimizer.state[parameter].items() if torch.is_tensor(value)}
    gradient = parameter.grad.clone()
    assert truncate(model, {"conv.weight": count}, optimizer) == {
        "conv.weight": count,
        "fc1.weight": 648,
        "fc2.weight": 48,
    }
    assert tensor.coefficients is parameter
    torch.testing.assert_close(parameter.detach(), before[:count], rtol=0, atol=0)
    torch.testing.assert_close(parameter.grad, gradient[:count], rtol=0, atol=0)
    for key, value in state.items():
        cut = value[:count] if value.shape == before.shape else value
        torch.testing.assert_close(optimizer.state[parameter][key], cut, rtol=0, atol=0)
    train(model, optimizer)
    assert parameter.shape == (count,)


def test_training_after_truncation_equals_training_the_truncated_model():
    """Training continues as if the tail had never existed, because Adam treats each coefficient separately."""
    long, short = (regularize(nn.Linear(6, 5, bias=False), keep, trained=True) for keep in (30, 12))
    short.parametrizations.weight.original.data = long.parametrizations.weight.original.data[:12].clone()
    optimizers = [torch.optim.Adam(model.parameters(), 0.1) for model in (long, short)]
    basis = torch.randn(4, 6)
    for _ in range(2):
        for model, optimizer in zip((long, short), optimizers, strict=True):
            optimizer.zero_grad()
            model.parametrizations.weight.original[:12].square().sum().backward()
            optimizer.step()
    truncate(long, 12, optimizers[0])
    for _ in range(2):
        for model, optimizer in zip((long, short), optimizers, strict=True):
            optimizer.zero_grad()
            model(basis).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(long.weight, short.weight, rtol=0, atol=1e-6)


def test_it_works_while_the_last_loss_is_alive():
    model = regularize(Net())
    loss = model(net_input()).sum()
    truncate(model, 9)
    model(net_input()).sum().backward()
    assert loss.requires_grad


def test_truncation_never_lengthens_and_shares_are_of_each_tensors_size():
    model = regularize(Net(), 20)
    assert set(truncate(model, 50).values()) == {20}
    assert truncate(model, 0.25) == {"conv.weight": 14, "fc1.weight": 20, "fc2.weight": 12}


def test_tied_parameters_and_several_optimizers():
    model = regularize(Tied(), 20)
    optimizers = [torch.optim.Adam(model.parameters()), torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)]
    x = torch.tensor([[1, 2]])
    for _ in range(2):
        model(x).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
        truncate(model, 7, optimizers)
    assert model.head.parametrizations.weight.original.shape == (7,)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ({"conv": 3}, "'conv' is not a regularized tensor; the model has conv.weight, fc1.weight, fc2.weight"),
        ({"fc1.weight": 3, "conv.weight": 0}, "conv.weight: 0 is neither"),
        (1.5, "conv.weight: 1.5 is neither"),
    ],
)
def test_impossible_requests_are_reported_and_change_nothing(keep, message):
    model = regularize(Net(), 20)
    with pytest.raises(ValueError, match=message):
        truncate(model, keep)
    assert {tensor.kept for tensor in spectral_tensors(model).values()} == {20}


def test_an_optimizer_with_state_that_cannot_be_truncated():
    model = regularize(Net(), 20)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)

    def closure():
        optimizer.zero_grad()
        loss = model(net_input()).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with pytest.raises(ValueError, match=r"LBFGS keeps one history of all parameters, which cannot be truncated"):
        truncate(model, 10, optimizer)
    assert {tensor.kept for tensor in spectral_tensors(model).values()} == {20}


def test_a_wrapper_that_cannot_follow():
    with pytest.raises(ValueError, match="DistributedDataParallel"):
        truncate(DistributedDataParallel.__new__(DistributedDataParallel), 3)
