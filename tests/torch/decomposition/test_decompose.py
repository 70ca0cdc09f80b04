from __future__ import annotations

import copy
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import frformat
from frformat.checkpoints import load as load_checkpoint
from frformat.errors import EncodeError
from frformat.torch import MismatchError, decompose, load_model, recompose, save_model, set_tier, summary
from frformat.torch.costs import costs
from frformat.torch.decomposition import Decomposition, reestimate
from frformat.torch.lowrank.tucker import Tucker, partial_tucker
from frformat.torch.regularization import make_tiers
from tests.torch.decomposition.models import Net


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def close(a: torch.Tensor, b: torch.Tensor, share: float = 1e-5) -> bool:
    return float((a - b).abs().max()) <= share * float(b.abs().max())


@torch.no_grad()
def test_layers_compute_the_product_of_their_factors(net: Net, images: torch.Tensor) -> None:
    decompose(net, 0.5, example=images)
    found = summary(net)
    assert isinstance(found, Decomposition)
    cores = {layer.name: layer.core for layer in found.layers}
    assert cores["strided.weight"] == (12, 8, 3, 3)
    assert cores["up.weight"] == (12, 6, 4, 4)
    assert cores["hidden.weight"] == (20, 768)
    assert cores["depthwise.weight"] is None
    assert close(net(images), recompose(copy.deepcopy(net))(images))


def test_the_summary_says_why_a_layer_is_unchanged(net: Net) -> None:
    with torch.no_grad():
        net.up.weight[0, 0, 0, 0] = torch.nan
    found = summary(decompose(net, {"strided.weight": 4, "hidden.weight": 4}))
    assert {layer.name: layer.why for layer in found.layers if layer.why} == {  # type: ignore[attr-defined]
        "first.weight": "factors of these ranks would save nothing",
        "depthwise.weight": "its channels are in groups",
        "up.weight": "a weight is not finite",
        "head.weight": "factors of these ranks would save nothing",
    }
    assert "2 of 6 layers are decomposed" in str(found)
    again = summary(decompose(net, {"first.weight": 2}))
    (strided,) = (layer for layer in again.layers if layer.name == "strided.weight")
    assert (strided.why, strided.parameters[1]) == ("it is already decomposed", 4 * (24 + 16) + 4 * 4 * 9)  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(8, 8), (13, 11)])
def test_multiply_adds_are_those_that_run(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 5),
        nn.Conv2d(16, 24, 3, stride=2, padding=2, padding_mode="circular"),
        nn.Conv2d(24, 24, 3, groups=24, dilation=2, padding=1),
        nn.ConvTranspose2d(24, 12, 3, stride=2),
        nn.Flatten(2),
        nn.LazyLinear(20),
    )
    x = torch.randn(2, 3, *size)
    model(x)
    full = costs(model, x).multiply_adds
    decompose(model, 0.5, example=x)
    counts = [layer.multiply_adds for layer in summary(model).layers]  # type: ignore[attr-defined]
    assert sum(before for before, _ in counts) == full
    assert sum(after for _, after in counts) == costs(model, x).multiply_adds < full
    decompose(recompose(model), multiply_adds=full // 3, example=x)
    assert 0.3 * full < 3 * costs(model, x).multiply_adds <= full


@torch.no_grad()
def test_a_low_rank_network_keeps_its_outputs(net: Net, images: torch.Tensor) -> None:
    for layer in (net.first, net.strided, net.up, net.hidden):
        ranks = {0: 3} if isinstance(layer, nn.Linear) else {0: 3, 1: 2}
        form = Tucker(layer.weight.shape, ranks)
        layer.weight.copy_(form(*form.right_inverse(layer.weight)))
    before = net(images)
    decompose(net, {f"{name}.weight": (3, 2) for name in ("first", "strided", "up")} | {"hidden.weight": 3})
    assert close(net(images), before)
    assert max(layer.error for layer in summary(net).layers) < 1e-6  # type: ignore[attr-defined]


def test_all_parts_are_trained(net: Net, images: torch.Tensor) -> None:
    net.strided.weight.requires_grad_(False)
    decompose(net.train(), 0.5)
    net(images).square().sum().backward()
    without = {name for name, parameter in net.named_parameters() if parameter.grad is None}
    assert without == {f"strided.parametrizations.weight.original{number}" for number in range(3)}


@pytest.mark.parametrize("budget", [9_000, 15_000, 24_000])
def test_a_budget_of_parameters_is_met(net: Net, budget: int) -> None:
    assert parameters(net) > 24_000
    decompose(net, parameters=budget)
    assert 0.75 * budget < parameters(net) <= budget


def test_a_budget_of_multiply_adds_is_met(net: Net, images: torch.Tensor) -> None:
    full = sum(layer.multiply_adds[0] for layer in summary(decompose(copy.deepcopy(net), 0.5, example=images)).layers)  # type: ignore[attr-defined]
    decompose(net, multiply_adds=full // 3, example=images)
    taken = sum(layer.multiply_adds[1] for layer in summary(net).layers)  # type: ignore[attr-defined]
    assert 0.2 * full < taken <= full // 3


def test_weaker_ranks_are_larger(net: Net) -> None:
    sizes = [parameters(decompose(copy.deepcopy(net), weaken=weaken)) for weaken in (0.1, 0.3, 0.5)]
    assert sizes == sorted(set(sizes))


@torch.no_grad()
@pytest.mark.parametrize("format", ["auto", "q8"])
def test_files_contain_the_factors(net: Net, images: torch.Tensor, format: str, tmp_path) -> None:
    plain = copy.deepcopy(net)
    decompose(net, 0.5)
    path = tmp_path / "model.frz"
    save_model(net, path, format=format)
    with frformat.open(path) as file:
        assert {*file} == {*plain.state_dict()}
        assert file.info("up.weight").bases == ("stored", "stored", "identity", "identity")
        assert (file.info("up.weight").step is None) == (format == "auto")
    load_model(plain, path)
    assert close(plain(images), net(images), 1e-5 if format == "auto" else 0.05)
    again = decompose(Net().eval(), 0.5)
    load_model(again, path)
    assert close(again(images), plain(images))


def test_a_file_with_other_ranks_is_refused_and_changes_nothing(net: Net, tmp_path) -> None:
    save_model(decompose(copy.deepcopy(net), 0.5), tmp_path / "half.frz")
    decompose(net, 0.25)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(
        MismatchError, match=r"strided\.weight: the file has a core of \[12, 8, 3, 3\].*load the file before"
    ):
        load_model(net, tmp_path / "half.frz")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_state_dict_is_not_a_plain_checkpoint(net: Net, tmp_path) -> None:
    decompose(net, 0.5)
    torch.save(net.state_dict(), tmp_path / "run.pt")
    with pytest.raises(EncodeError, match=r"first\.weight: it is in Tucker form; write the model"):
        load_checkpoint(tmp_path / "run.pt")
    decompose(other := Net(), 0.5).load_state_dict(torch.load(tmp_path / "run.pt"))
    assert torch.equal(other.up.weight, net.up.weight)


def test_a_value_that_is_not_finite_is_named(net: Net, tmp_path) -> None:
    decompose(net, 0.5)
    with torch.no_grad():
        net.up.parametrizations.weight.original1[0, 0] = torch.nan
    with pytest.raises(EncodeError, match=r"up\.weight.*not finite"):
        save_model(net, tmp_path / "model.frz")
    assert not (tmp_path / "model.frz").exists()


@torch.no_grad()
def test_statistics_are_measured_again(net: Net, images: torch.Tensor) -> None:
    decompose(net, 0.5, batches=[images[:3], images[3:]])
    inputs = net.first(images)
    assert torch.allclose(net.norm.running_mean, inputs.mean((0, 2, 3)), atol=1e-5)
    assert net.norm.momentum == 0.1
    assert not net.norm.training


def test_batches_can_be_arguments(net: Net, images: torch.Tensor) -> None:
    expected = reestimate(copy.deepcopy(net), [images]).state_dict()
    assert_close(reestimate(copy.deepcopy(net), [(images,)]).state_dict(), expected)


def test_without_batches_statistics_are_kept(net: Net) -> None:
    net.norm.running_mean.fill_(3)
    with pytest.raises(ValueError, match="no batch"):
        reestimate(net, [])
    assert bool((net.norm.running_mean == 3).all())


@torch.no_grad()
@pytest.mark.parametrize("norm", [nn.BatchNorm2d, nn.InstanceNorm2d])
def test_statistics_are_means_over_all_batches(norm: type[nn.Module], images: torch.Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm(4, momentum=0.2, track_running_stats=True))  # type: ignore[call-arg]
    reestimate(model, [images[:3], 5 + images[3:]])
    inputs = model[0](torch.cat([images[:3], 5 + images[3:]]))
    assert close(model[1].running_mean, inputs.mean((0, 2, 3)))  # type: ignore[arg-type]
    assert bool((model[1].running_var != 1).all())  # type: ignore[union-attr,arg-type]
    assert model[1].momentum == 0.2
    assert not model[1]._forward_pre_hooks
    assert model[1].training


@torch.no_grad()
def test_each_tier_has_its_own_statistics(net: Net, images: torch.Tensor) -> None:
    make_tiers(decompose(net, 0.5), [0.5])
    for tier in range(2):
        set_tier(net, tier)
        reestimate(net, [images])
    for tier in range(2):
        set_tier(net, tier)
        assert close(net.norm.running_mean, net.first(images).mean((0, 2, 3)))
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match="no batch"):
        reestimate(net, [])
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


class Frozen(nn.Module):
    """Statistics that training does not change, as in torchvision's ``FrozenBatchNorm2d``."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.full((4,), 3.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.get_buffer("running_mean").reshape(-1, 1, 1)


def test_frozen_statistics_are_kept(images: torch.Tensor) -> None:
    still = nn.BatchNorm2d(4)
    still.track_running_stats = False
    still.get_buffer("running_mean").fill_(3)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), Frozen(), still)
    reestimate(model, [images])
    assert bool((model[1].running_mean == 3).all())  # type: ignore[arg-type,union-attr]
    assert bool((still.get_buffer("running_mean") == 3).all())


class FailsError(Exception):
    pass


def failing(images: torch.Tensor):
    yield images
    raise FailsError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranks": "svd"}, "neither 'vbmf'"),
        ({"ranks": 0.0}, "first.weight: rank 0.0"),
        ({"ranks": {"up.weigth": 3}}, "'up.weigth' is not a weight that can be decomposed; these are: first.weight, "),
        ({"ranks": {"depthwise.weight": 3}}, "depthwise.weight cannot be decomposed: its channels are in groups"),
        ({"ranks": {"up.weight": 99}}, "up.weight: rank 99"),
        ({"ranks": {"up.weight": (3, 3, 3)}}, "3 ranks for 2 axes"),
        ({"ranks": 1.0}, "as many parameters"),
        ({"ranks": 0.5, "weaken": 0.5}, "weaken requires ranks="),
        ({"ranks": 0.5, "parameters": 9_000}, "a budget determines the ranks"),
        ({"parameters": 100}, "is less than the"),
        ({"parameters": float("nan")}, "a budget must be a number"),
        ({"parameters": 10**9}, "meets the budget without being decomposed"),
        ({"ranks": 1}, "ranks=1 is not a share"),
        ({"ranks": True}, "ranks=True is not a share"),
        ({"weaken": 2.0}, "weaken=2.0 is not from 0"),
        ({"weaken": -1.0}, "weaken=-1.0 is not from 0"),
        ({"weaken": float("nan")}, "weaken=nan is not from 0"),
        ({"ranks": 0.5, "batches": torch.zeros(2, 3, 8, 8)}, "batches is one tensor"),
        ({"ranks": 0.5, "batches": [(torch.zeros(2, 3, 8, 8), torch.zeros(2))]}, "does not run on batch 0, .* labels"),
        ({"multiply_adds": 1_000}, "needs an example"),
        ({"ranks": 0.5, "example": torch.zeros(1, 4, 8, 8)}, "does not run on the example"),
    ],
)
def test_impossible_requests_are_refused_and_change_nothing(net: Net, options: dict, message: str) -> None:
    before = copy.deepcopy(net)
    with pytest.raises(ValueError, match=message):
        decompose(net, **options)
    assert [*net.state_dict()] == [*before.state_dict()]


def test_a_failing_batch_leaves_the_model_unchanged(net: Net, images: torch.Tensor) -> None:
    before, outputs = copy.deepcopy(net).state_dict(), net(images)
    with pytest.raises(FailsError):
        decompose(net, 0.5, batches=failing(images))
    assert [*net.state_dict()] == [*before]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(net(images), outputs)
    assert type(net.up) is nn.ConvTranspose2d


def test_tied_weights_are_skipped_with_a_reason() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    model[1].weight = model[0].weight
    with pytest.raises(ValueError, match=r"0\.weight: its weight is tied"):
        decompose(model, 0.25)


def test_weights_that_share_memory_are_skipped_with_a_reason() -> None:
    values = torch.randn(16 * 16 + 8)
    model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16))
    model[0].weight, model[1].weight = (nn.Parameter(values[start:][:256].view(16, 16)) for start in (0, 8))
    decompose(model, 0.25)
    reasons = [each.why for each in summary(model).layers]
    assert reasons == ["its elements share memory with others"] * 2 + [""]


def test_columns_are_in_the_order_of_hosvd() -> None:
    weight = torch.randn(12, 10, 3, 3, generator=torch.Generator().manual_seed(0))
    core, factors = partial_tucker(weight, {0: 6, 1: 5})
    for axis, factor in enumerate(factors):
        unfolded = core.movedim(axis, 0).flatten(1)
        gram = unfolded @ unfolded.T
        assert torch.allclose(gram, gram.diag().diag(), atol=1e-9)
        assert bool((gram.diag().diff() <= 0).all())
        assert torch.allclose(factor.T @ factor, torch.eye(factor.shape[1], dtype=torch.float64), atol=1e-12)


def test_iteration_is_not_worse_than_truncated_hosvd() -> None:
    weight = torch.randn(12, 10, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    full, (first, second) = partial_tucker(weight, {0: 12, 1: 10})
    truncated = Tucker(weight.shape, {0: 4, 1: 3})(full[:4, :3], first[:, :4], second[:, :3])
    core, factors = partial_tucker(weight, {0: 4, 1: 3})
    best = Tucker(weight.shape, {0: 4, 1: 3})(core, *factors)
    assert float((weight - best).norm()) <= float((weight - truncated).norm()) + 1e-12


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("frozen", [False, True])
def test_recomposed_weights_are_parameters(net: Net, images: torch.Tensor, mode: Any, frozen: bool) -> None:
    before = {name: parameter.shape for name, parameter in net.named_parameters()}
    net.up.weight.requires_grad_(not frozen)
    with mode():
        decompose(net, 0.5)
    net(images).sum().backward()
    with mode():
        recompose(net)
    assert {name: parameter.shape for name, parameter in net.named_parameters()} == before
    assert [name for name, each in net.named_parameters() if not each.requires_grad] == ["up.weight"] * frozen
    net(images).sum().backward()


def test_a_long_axis_takes_no_square_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer with a vocabulary of 50,000 outputs would need 20 GB."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 300), nn.Linear(300, 6))
    values = torch.linalg.svdvals(model[0].weight.detach().double())
    squares = Mock(wraps=torch.linalg.eigh)
    monkeypatch.setattr(torch.linalg, "eigh", squares)
    (first, _) = summary(decompose(model, {"0.weight": 4})).layers
    assert max(len(call.args[0]) for call in squares.call_args_list) <= 6
    assert first.error == pytest.approx(float(values[4:].norm() / values.norm()), rel=1e-5)  # type: ignore[attr-defined]
    factor = model[0].parametrizations.weight.original1.detach()
    assert_close(factor.T @ factor, torch.eye(4))


def test_half_precision_is_refused_with_advice():
    model = nn.Sequential(nn.Linear(32, 32)).bfloat16()
    with pytest.raises(
        ValueError, match=r"0\.weight: its weight has type torch\.bfloat16: convert the model to float32"
    ):
        decompose(model, "vbmf")


def test_parameters_are_contiguous():
    """Optimizers such as L-BFGS, and functions such as ``parameters_to_vector``, view parameters as vectors."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 16, 3), nn.ConvTranspose2d(16, 8, 3), nn.Flatten(), nn.Linear(200, 40))
    decompose(model, 0.4)
    assert all(parameter.is_contiguous() for parameter in model.parameters())
    assert all(parameter.is_contiguous() for parameter in recompose(model).parameters())
