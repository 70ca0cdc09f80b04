from __future__ import annotations

import copy
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

import frformat
from frformat.torch import (
    MismatchError,
    each_tier,
    get_tier,
    load_file,
    load_model,
    regularize,
    save_model,
    set_tier,
    tier_count,
    unregularize,
)
from frformat.torch.costs import costs
from frformat.torch.regularization import make_tiers, set_format, spectral_tensors, tier_sizes, truncate
from tests.sums import assert_same, network_slack, same_sums
from tests.torch.regularization.models import Net, Tied, net_input

cuts = st.lists(st.integers(1, 30) | st.floats(0.05, 0.95), min_size=1, max_size=3)
formats = st.sampled_from([None, "q4", "q8", "f16", "step=0.03"])


@pytest.fixture(autouse=True)
def _reproducible():
    torch.manual_seed(0)


def tiered(keep=30, smaller=(0.2, 0.5), format=None) -> nn.Module:
    """Return a model with tiers that have seen different inputs."""
    model = regularize(Net(), keep, rules=["*.bias: keep=3"], example=net_input())
    make_tiers(model, smaller)
    set_format(model, format)
    for tier in each_tier(model):
        model.train()
        model(net_input(8) + tier)
    return model.eval()


def outputs(model, x) -> list[torch.Tensor]:
    with torch.no_grad():
        return [model(x) for _ in each_tier(model)]


def near(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        same_sums(one, other, terms=54)


@settings(max_examples=15)
@given(keep=st.integers(1, 60), smaller=cuts, format=formats)
def test_each_tier_is_the_model_that_a_reader_decodes_at_it(keep, smaller, format, tmp_path_factory):
    path = tmp_path_factory.mktemp("frz") / "model.frz"
    model, x = tiered(keep, smaller, format), net_input(5)
    set_tier(model, 0)  # the file does not depend on the current tier
    save_model(model, path)
    assert get_tier(model) == 0
    decoded = []
    for tier in range(len(smaller) + 1):
        plain = Net().eval()
        assert load_model(plain, path, tier=tier) == ([], [])
        assert plain.norm.running_mean.equal(load_file(path, tier=tier)["norm.running_mean"])
        decoded.append(plain(x).detach())
    near(outputs(model, x), decoded)
    with frformat.open(path) as file:
        sizes = [{name: file.info(name).kept[tier] for name in spectral_tensors(model)} for tier in range(file.tiers)]
    assert sizes == tier_sizes(model)


@settings(max_examples=10)
@given(keep=st.integers(2, 60), smaller=cuts, format=formats, other=st.integers(1, 40))
def test_a_file_loads_into_a_regularized_model_with_its_tiers(keep, smaller, format, other, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frz")
    model, x = tiered(keep, smaller, format), net_input(5)
    save_model(model, folder / "one.frz")
    again = regularize(Net(), other, rules=["*.bias: keep=2"], example=net_input()).eval()
    if other % 2:
        make_tiers(again, [0.3])
    parameters = list(again.parameters())
    assert load_model(again, folder / "one.frz") == ([], [])
    assert all(one is two for one, two in zip(parameters, again.parameters(), strict=True))
    assert tier_sizes(again) == tier_sizes(model)
    near(outputs(again, x), outputs(model, x))
    set_format(again, format)
    save_model(again, folder / "two.frz")
    with frformat.open(folder / "one.frz") as one, frformat.open(folder / "two.frz") as two:
        assert list(one) == list(two)
        assert all(one[name].tobytes() == two[name].tobytes() for name in one)
        assert one.container.ends == two.container.ends
    smaller_one = regularize(Net(), 5, rules=["*.bias: keep=2"], example=net_input()).eval()
    load_model(smaller_one, folder / "one.frz", tier=0)
    assert tier_count(smaller_one) == 1
    near(outputs(smaller_one, x), outputs(model, x)[:1])


def test_saved_tiers_can_differ_from_those_of_the_model(tmp_path):
    model, path = tiered(), tmp_path / "model.frz"
    save_model(model, path, tiers=[4])
    again = regularize(Net(), 5, rules=["*.bias: keep=2"], example=net_input()).eval()
    assert load_model(again, path) == ([], [])
    assert tier_count(again) == 2
    x = net_input(5)
    near(outputs(again, x)[-1:], outputs(model, x)[-1:])


def test_a_cut_file_is_a_model_with_fewer_tiers(tmp_path):
    model, x, path = tiered(), net_input(5), tmp_path / "model.frz"
    save_model(model, path)
    with frformat.open(path) as file:
        end = file.container.ends[1]
    path.write_bytes(path.read_bytes()[:end])
    again = regularize(Net(), 5, rules=["*.bias: keep=2"], example=net_input()).eval()
    load_model(again, path)
    near(outputs(again, x), outputs(model, x)[:2])


@settings(max_examples=15)
@given(st.data())
def test_gradients_of_a_tier_touch_only_its_prefix(data):
    model = tiered(format=data.draw(formats))
    tier = data.draw(st.integers(0, 2))
    set_tier(model, tier)
    model(net_input()).square().sum().backward()
    for name, tensor in spectral_tensors(model).items():
        kept = tier_sizes(model)[tier][name]
        assert tensor.coefficients.grad[kept:].count_nonzero() == 0
        assert name.endswith("bias") or tensor.coefficients.grad[:kept].count_nonzero() > 0


@settings(max_examples=15)
@given(st.lists(st.integers(0, 2), max_size=6))
def test_switching_back_and_forth_changes_nothing(tiers):
    model, x = tiered(), net_input(5)
    before, state = outputs(model, x), copy.deepcopy(model.state_dict())
    storage = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    for tier in tiers:
        set_tier(model, tier)
        model(x)
    for one, other in zip(before, outputs(model, x), strict=True):
        assert torch.equal(one, other)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert storage == {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}


def test_cached_tensors_are_those_of_the_tier():
    torch.manual_seed(0)
    model, x = regularize(nn.Linear(8, 6), keep=20), torch.randn(3, 8)
    make_tiers(model, [0.5])
    wanted = [model(x) for _ in each_tier(model)]
    with parametrize.cached():
        found = [model(x) for _ in each_tier(model)]
    assert all(map(torch.equal, found, wanted))
    assert not torch.equal(*found)


def test_the_largest_tier_is_the_model_without_tiers():
    model = regularize(Net(), 30, example=net_input()).eval()
    twin = copy.deepcopy(model)
    make_tiers(model, [3, 0.5])
    x = net_input()
    assert torch.equal(model(x), twin(x))
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in twin.parameters())


def test_statistics_are_those_of_the_tier_that_ran():
    model = regularize(Net(), 30, example=net_input())
    make_tiers(model, [0.5])
    set_tier(model, 0)
    rows = model.norm.parametrizations["running_mean"].original
    before = rows.clone()
    model.train()
    model(net_input(8))
    assert not torch.equal(rows[0], before[0])
    assert torch.equal(rows[1], before[1])
    make_tiers(model, ())
    assert tier_count(model) == 1
    assert torch.equal(model.norm.running_mean, before[1])


def test_cumulative_averages_count_for_each_tier(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=None))
    make_tiers(regularize(model, 12), [3])
    x = torch.randn(6, 4)
    for _ in range(3):
        model(x)
    set_tier(model, 0)
    model(x)
    with torch.no_grad():
        same_sums(model[1].running_mean, model[0](x).mean(0), terms=6)
    assert model[1].parametrizations["num_batches_tracked"].original.tolist() == [1, 3]
    save_model(model, tmp_path / "model.frz")
    plain = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=None))
    load_model(plain, tmp_path / "model.frz", tier=0)
    assert plain[1].num_batches_tracked == 1


def test_tied_tensors_share_their_tiers(tmp_path):
    model = regularize(Tied(), 20)
    make_tiers(model, [4, 9])
    save_model(model, tmp_path / "model.frz")
    x = torch.tensor([[1, 2]])
    for tier, out in enumerate(outputs(model, x)):
        plain = Tied()
        load_model(plain, tmp_path / "model.frz", tier=tier)
        same_sums(plain(x), out, terms=20)


@given(smaller=cuts, kept=st.integers(1, 30))
def test_truncation_cuts_every_tier(smaller, kept):
    model = regularize(Net(), 30)
    make_tiers(model, smaller)
    truncate(model, kept)
    sizes = tier_sizes(model)
    assert sizes[-1] == dict.fromkeys(sizes[-1], kept)
    for tier in each_tier(model):
        model(net_input())
        assert {name: t.spectral.synthesis.kept for name, t in spectral_tensors(model).items()} == sizes[tier]


def test_copies_state_dicts_and_plain_models():
    model, x = tiered(), net_input(5)
    twin = copy.deepcopy(model)
    set_tier(twin, 0)
    assert (get_tier(twin), get_tier(model)) == (0, 2)
    fresh = regularize(Net(), 9, rules=["*.bias: keep=3"], example=net_input()).eval()
    make_tiers(fresh, (0.2, 0.5))
    fresh.load_state_dict(model.state_dict())
    near(outputs(fresh, x), outputs(model, x))
    expected = twin(x)
    assert_same(unregularize(twin)(x), expected, network_slack(twin, x))
    assert (type(twin.norm), twin.state_dict().keys()) == (nn.BatchNorm2d, Net().state_dict().keys())
    near(outputs(fresh, x), outputs(model, x))
    plain = Net()
    assert (tier_count(plain), get_tier(plain)) == (1, 0)
    set_tier(plain, 0)


@pytest.mark.parametrize("tier", [-1, 3])
def test_missing_tiers(tier):
    model = tiered()
    set_tier(model, 1)
    with pytest.raises(ValueError, match=f"tier {tier} does not exist; Net has tiers 0 to 2"):
        set_tier(model, tier)
    assert get_tier(model) == 1
    spectral_tensors(model)["conv.weight"].spectral.tier = 0
    with pytest.raises(ValueError, match=r"different tiers, \[0, 1\]"):
        get_tier(model)


@pytest.mark.parametrize(
    ("smaller", "message"),
    [
        ([0], "conv.weight: 0 is neither"),
        ([1.0], "conv.weight: 1.0 is neither"),
        ({"conv": [3]}, "'conv' is not a regularized tensor"),
        ({"conv.weight": [3], "fc1.weight": [3, 4]}, r"the same number of tiers, but got \[2, 3\]"),
    ],
)
def test_impossible_tiers(smaller, message):
    model = regularize(Net(), 20)
    with pytest.raises(ValueError, match=message):
        make_tiers(model, smaller)
    assert tier_count(model) == 1
    with pytest.raises(ValueError, match="call regularize"):
        make_tiers(Net(), [0.5])


@pytest.mark.parametrize(
    ("keep", "options", "message"),
    [
        (7, {"rules": ["fc1.weight: view=648"]}, r"fc1.weight: a spectrum in shape \[12, 54\] in the file, \[648\]"),
        (7, {"rules": ["norm.weight: keep=2"]}, "norm.weight: not stored as coefficients"),
    ],
)
def test_a_mismatched_file_leaves_the_model_unchanged(keep, options, message, tmp_path):
    save_model(regularize(Net(), 20), tmp_path / "model.frz", tiers=[3])
    model = regularize(Net(), keep, **options)
    with pytest.raises(MismatchError, match=message):
        load_model(model, tmp_path / "model.frz")
    assert tier_count(model) == 1
    assert spectral_tensors(model)["conv.weight"].kept == 7


def test_a_tier_without_coefficients_is_refused(tmp_path):
    save_model(regularize(Net(), 20), tmp_path / "model.frz", tiers=[0])
    with pytest.raises(MismatchError, match=r"conv.weight: no coefficient at tier 0 of the file"):
        load_model(regularize(Net(), 20), tmp_path / "model.frz")


def test_costs_are_those_of_the_tier():
    model = regularize(nn.Sequential(nn.Linear(64, 64, bias=False), nn.ReLU()), 400)
    make_tiers(model, [10])
    found = [costs(model, torch.zeros(1, 64)) for _ in each_tier(model)]
    assert [cost.numbers for cost in found] == [10, 400]
    assert [cost.weight_bytes for cost in found] == [40, 1600]
    assert found[0].multiply_adds < found[1].multiply_adds
    plain = costs(nn.Sequential(nn.Linear(100, 200), nn.ReLU(), nn.Linear(200, 50)), torch.zeros(1, 100))
    assert (plain.numbers, plain.multiply_adds) == (30250, 30000)
    assert plain.peak_bytes == plain.weight_bytes + 4 * (200 + 200)


@pytest.mark.parametrize("tiers_before", [False, True])
def test_statistics_of_tiers_are_assigned_to_a_model_on_the_meta_device(tiers_before, tmp_path):
    def network():
        return regularize(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8)), 12)

    torch.manual_seed(0)
    x = torch.randn(16, 6)
    make_tiers(model := network(), [0.5])
    for tier in range(2):
        set_tier(model, tier)
        model((1 + tier) * x + 3)
    save_model(model.eval(), tmp_path / "model.frz")
    loaded = network()
    if tiers_before:
        make_tiers(loaded, [0.5])
    load_model(loaded.to("meta").eval(), tmp_path / "model.frz", assign=True, dtype=torch.float64)
    assert not any(tensor.is_meta for tensor in (*loaded.parameters(), *loaded.buffers()))
    for tier in range(2):
        set_tier(model, tier)
        set_tier(loaded, tier)
        torch.testing.assert_close(loaded(x.double()).float(), model(x), rtol=1e-4, atol=1e-4)


def test_float64_coefficients_are_rounded_with_a_warning(tmp_path):
    model = regularize(Net().double(), 20)
    with pytest.warns(UserWarning, match=r"the float64 coefficients of conv\.weight, fc1\.weight.* are rounded"):
        save_model(model, tmp_path / "model.frz")
    load_model(model, tmp_path / "model.frz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_model(model, tmp_path / "again.frz")
    assert (tmp_path / "again.frz").read_bytes() == (tmp_path / "model.frz").read_bytes()
