"""EigenAdam trains better than Adam, resumes exactly, and leaves large parameters to Adam."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from frformat.torch.regularization import EigenAdam, regularize, truncate
from frformat.torch.regularization.eigen_adam import BLOCK, HORIZON, LARGEST


def _valley(n: int) -> Tensor:
    """Return a quadratic form with axes of very different lengths that are not parallel to the coordinates."""
    axes, _ = torch.linalg.qr(torch.randn(n, n))
    return axes @ torch.diag(torch.logspace(-4, 0, n)) @ axes.T


def _descended(kind: type[torch.optim.Optimizer], form: Tensor, start: Tensor, steps: int) -> float:
    """Return the value of the form after slightly noisy steps with a learning rate that falls to zero."""
    noise = torch.Generator().manual_seed(1)
    x = start.clone().requires_grad_()
    optimizer = kind([x], lr=0.1)  # type: ignore[call-arg]
    root = torch.linalg.cholesky(form)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / steps)
        x.grad = form @ x.detach() + 0.001 * root @ torch.randn(len(x), generator=noise)
        optimizer.step()
    return float(x.detach() @ form @ x.detach())


def test_finds_the_axes_of_a_valley() -> None:
    torch.manual_seed(0)
    form, start = _valley(40), torch.randn(40)
    ours, adam = (_descended(kind, form, start, 400) for kind in (EigenAdam, torch.optim.Adam))
    assert ours < adam / 3


@pytest.mark.parametrize("shape", [(), (1,), (5, 3), (BLOCK,), (2 * BLOCK + 1,), (LARGEST + 1,)])
def test_any_shape_descends(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape).requires_grad_()
    before = float(x.detach().square().sum())
    optimizer = EigenAdam([x], lr=0.01, every=20)
    for _ in range(45):
        x.grad = 2 * x.detach()
        optimizer.step()
    assert float(x.detach().square().sum()) < before
    assert ("axes" in optimizer.state[x]) == (1 < x.numel() <= LARGEST)


def test_continues_from_its_state_dict_bit_for_bit() -> None:
    torch.manual_seed(0)
    model, data = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2)), torch.randn(30, 4, 7)
    optimizer = EigenAdam(model.parameters(), lr=0.02, weight_decay=0.1, every=8)

    def train(model: nn.Module, optimizer: EigenAdam, batches: Tensor) -> None:
        for batch in batches:
            optimizer.zero_grad()
            model(batch).square().mean().backward()
            optimizer.step()

    train(model, optimizer, data[:13])
    other = copy.deepcopy(model)
    resumed = EigenAdam(other.parameters(), lr=0.5)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(model, optimizer, data[13:])
    train(other, resumed, data[13:])
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_parameters_cannot_be_truncated() -> None:
    model = regularize(nn.Linear(20, 20), 50, rules=["bias: raw"])
    optimizer = EigenAdam(model.parameters())
    model(torch.randn(4, 20)).sum().backward()
    optimizer.step()
    with pytest.raises(ValueError, match="cannot be truncated"):
        truncate(model, 10, optimizer)


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"betas": (1.0, 0.9)}, {"eps": 0.0}, {"every": 0}])
def test_impossible_numbers(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be lr"):
        EigenAdam([torch.zeros(3, requires_grad=True)], **wrong)  # type: ignore[arg-type]


def test_small_gradients_of_float64_are_not_lost():
    parameter = torch.nn.Parameter(torch.ones(4, dtype=torch.float64))
    optimizer = EigenAdam([parameter], lr=0.1)
    for _ in range(3):
        parameter.grad = torch.tensor([1e-60, -2e-60, 3e-60, 4e-60], dtype=torch.float64)
        optimizer.step()
    assert (parameter != 1).all()


def test_second_moments_are_an_exponential_average():
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.zeros(6, dtype=torch.float64))
    optimizer = EigenAdam([parameter], lr=0.1, every=120)
    expected = torch.zeros(6, 6, dtype=torch.float64)
    for _ in range(120):  # two full batches and a part of one
        parameter.grad = torch.randn(6, dtype=torch.float64)
        expected = expected.lerp(torch.outer(parameter.grad, parameter.grad), 1 / HORIZON)
        optimizer.step()
    torch.testing.assert_close(optimizer.state[parameter]["moments"][0], expected)


def test_gradients_that_are_not_finite_make_parameters_nan_as_with_adam():
    parameter = torch.nn.Parameter(torch.ones(4))
    optimizer = EigenAdam([parameter])
    for _ in range(3):
        parameter.grad = torch.tensor([1.0, torch.nan, 1.0, 1.0])
        optimizer.step()
    assert parameter.isnan().any()


def test_axes_stay_if_lapack_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(matrix: Tensor) -> tuple[Tensor, Tensor]:
        raise torch.linalg.LinAlgError("linalg.eigh: The algorithm failed to converge")  # type: ignore[attr-defined]

    torch.manual_seed(0)
    form, start = _valley(40), torch.randn(40)
    adam = _descended(torch.optim.Adam, form, start, 60)
    monkeypatch.setattr(torch.linalg, "eigh", fails)
    assert _descended(EigenAdam, form, start, 60) == pytest.approx(adam, rel=0.1)  # the first axes are the coordinates
