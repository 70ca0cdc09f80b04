from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import nn

import frformat
from frformat.checkpoints.regularized import gather
from frformat.torch import (
    MismatchError,
    decompose,
    each_tier,
    factorize_tiers,
    load_file,
    load_model,
    load_nested,
    regularize,
    save_file,
    save_model,
    set_tier,
)
from frformat.torch.costs import costs
from frformat.torch.nesting import FilterGroup, Member, descendant, growing, make_nested, permute, widths
from frformat.torch.nesting.structure import parts
from tests.conformance.kotlin import JAR
from tests.torch.nesting.networks import GROUPS, WIDTHS, Digits, digits, fit, images


@pytest.fixture(autouse=True)
def _reproducible():
    torch.manual_seed(0)


def grown() -> nn.Module:
    """Return a network with three tiers, each trained after the one before."""
    model = make_nested(digits(), GROUPS, WIDTHS)
    for tier in range(3):
        with growing(model, tier):
            fit(model)
    return model


def test_the_largest_tier_is_the_network_itself():
    model, x = digits(), images()
    before = model(x)
    assert torch.equal(make_nested(model, GROUPS, WIDTHS)(x), before)
    assert widths(model) == [*WIDTHS, {"conv1": 6, "conv2": 8, "fc1": 10}]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_descendant_trains_what_the_network_trains(mode):
    model = digits()
    model.conv1.weight.requires_grad_(False)
    with mode():
        small = descendant(make_nested(model, GROUPS, WIDTHS), 0)
    assert [name for name, each in small.named_parameters() if not each.requires_grad] == ["conv1.weight"]
    fit(small)


def test_a_deep_network_is_not_searched_for_each_tensor():
    """The time that tiers take would otherwise be quadratic in the number of layers."""
    counts = []
    for depth in (2, 6):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(4, 4), nn.BatchNorm1d(4))]
        model = nn.Sequential(*layers)
        search = model.named_modules = Mock(wraps=model.named_modules)
        make_nested(model, {"0": FilterGroup("0", 4, (Member("0.weight", 0),))}, [{"0": 2}])
        counts.append(search.call_count)
    assert counts[0] == counts[1]


def test_a_tier_runs_at_its_own_width():
    model, x = make_nested(digits(), GROUPS, WIDTHS), images(1)
    multiply_adds, numbers = [], []
    for tier in each_tier(model):
        cost, plain = costs(model, x), costs(descendant(model, tier), x)
        assert (cost.numbers, cost.multiply_adds) == (plain.numbers, plain.multiply_adds)
        multiply_adds.append(cost.multiply_adds)
        numbers.append(cost.numbers)
    assert multiply_adds[0] == 2 * 9 * 64 + 2 * 2 * 9 * 4 + 3 * 8 + 3 * 3
    assert numbers[0] == 2 * 10 + 2 * 2 * 9 + 2 * 2 + 3 * 8 + 3 + 3 * 3 + 3
    assert multiply_adds == sorted(multiply_adds)


def test_biases_of_transposed_convolutions_have_one_length(tmp_path):
    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 2), nn.ReLU(), nn.ConvTranspose2d(8, 8, 3, stride=2), nn.ReLU()).eval()

    members = (Member("0.weight", 0), Member("0.bias", 0), Member("2.weight", 0))
    model, x = network(), torch.randn(2, 3, 5, 5)
    make_nested(model, {"0": FilterGroup("0", 8, members)}, [{"0": 4}])
    wanted = [model(x) for _ in each_tier(model)]
    save_model(model, tmp_path / "nested.frz")
    loaded = load_nested(network(), tmp_path / "nested.frz")
    assert all(torch.equal(loaded(x), each) for each, _ in zip(wanted, each_tier(loaded), strict=True))


def test_reordered_filters_compute_the_same_function():
    model, x = digits(), images()
    before = model(x)
    for group in GROUPS.values():
        permute(model, group, torch.randperm(group.count))
    torch.testing.assert_close(model(x), before)


def test_a_file_holds_every_tier_once(tmp_path):
    model, x = grown(), images()
    save_model(model, tmp_path / "nested.frz")
    loaded = load_nested(Digits(), tmp_path / "nested.frz").eval()
    for tier in each_tier(model):
        set_tier(loaded, tier)
        assert torch.equal(loaded(x), model(x))
        plain = descendant(model, tier)
        expected = plain(x)
        for tensor in (*plain.parameters(), *plain.buffers()):
            tensor.data.zero_()
        load_model(plain, tmp_path / "nested.frz", tier=tier)
        assert torch.equal(plain(x), expected)
    with frformat.open(tmp_path / "nested.frz") as file:
        assert file.info("fc1.weight").corners == ((3, 8), (6, 20), (10, 32))
        for name, corners in (
            ("norm.running_var", ((2,), (5,), (8,))),
            ("conv1.bias", ((2,), (4,), (6,))),
            ("fc1.bias", ((3,), (6,), (10,))),
            ("fc2.bias", ()),
        ):
            assert (file.info(name).per_tier, file.info(name).corners) == (True, corners)
        assert not any(file.info(name).per_tier for name in file if name.endswith("weight"))


def test_a_tier_has_biases_of_its_own(tmp_path):
    model = grown()
    plain = [descendant(model, tier) for tier in range(3)]
    for small, large in itertools.pairwise(plain):
        for layer in ("conv1", "conv2", "fc1", "fc2"):
            weight = getattr(small, layer).weight
            shared = getattr(large, layer).weight[tuple(map(slice, weight.shape))]
            assert torch.equal(shared, weight)
        for layer in ("conv1", "fc1", "fc2"):
            bias = getattr(small, layer).bias
            assert not (getattr(large, layer).bias[: len(bias)] == bias).any()
    save_model(model, tmp_path / "nested.frz")
    for tier, network in enumerate(plain):
        state = load_file(tmp_path / "nested.frz", tier=tier)
        for name, tensor in network.state_dict().items():
            corner = tuple(map(slice, tensor.shape))
            assert torch.equal(state[name][corner], tensor)
            assert state[name].count_nonzero() == tensor.count_nonzero()


def test_a_loaded_tier_can_be_trained_further(tmp_path):
    model, x = grown(), images()
    save_model(model, tmp_path / "nested.frz")
    loaded = load_nested(Digits(), tmp_path / "nested.frz").eval()
    with growing(loaded, 2):
        fit(loaded)
    for tier in each_tier(model):
        set_tier(loaded, tier)
        assert torch.equal(loaded(x), model(x)) is (tier < 2)
    save_model(loaded, tmp_path / "tuned.frz")
    again = load_nested(Digits(), tmp_path / "tuned.frz").eval()
    assert torch.equal(again(x), loaded(x))


def test_the_whole_network_computes_a_tier_with_its_weights(tmp_path):
    model, x = grown(), images()
    save_model(model, tmp_path / "nested.frz")
    whole = Digits().eval()
    for tier in (2, 0, 1):  # as on a phone, where the skeleton has the width of the largest tier
        set_tier(model, tier)
        load_model(whole, tmp_path / "nested.frz", tier=tier)
        torch.testing.assert_close(whole(x), model(x))


def test_a_factorized_network_computes_every_tier(tmp_path):
    model, x = grown(), images()
    save_model(model, tmp_path / "nested.frz")
    tiers = factorize_tiers(Digits().eval(), x[:1], tmp_path / "nested.frz")
    for tier in each_tier(model):
        set_tier(tiers, tier)
        torch.testing.assert_close(tiers(x), model(x))


def test_tensors_of_any_rank_can_differ_from_tier_to_tier(tmp_path):
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4, bias=False)
            self.register_buffer("scale", torch.ones(()))
            self.register_buffer("table", torch.zeros(4, 2))

        def forward(self, x):
            return self.scale * self.linear(x) @ self.table[: len(self.linear.weight)]

    weight, tables = torch.randn(4, 3), [torch.randn(2, 2), torch.randn(4, 2)]
    tensors = {
        "linear.weight": weight,
        "scale": frformat.PerTier([np.float32(2), np.float32(3)]),
        "table": frformat.PerTier([each.numpy() for each in tables]),
    }
    save_file(tensors, tmp_path / "a.frz", tiers={"linear.weight": [(2, 3)]})
    model, x = load_nested(Scaled(), tmp_path / "a.frz"), torch.randn(5, 3)
    for tier, (scale, count) in enumerate(((2, 2), (3, 4))):
        set_tier(model, tier)
        torch.testing.assert_close(model(x), scale * x @ weight[:count].T @ tables[tier])
        assert descendant(model, tier).table.shape == (count, 2)


def test_a_file_cut_after_a_tier_is_a_smaller_network(tmp_path):
    model, x = grown(), images()
    save_model(model, tmp_path / "nested.frz")
    with frformat.open(tmp_path / "nested.frz") as file:
        end = file.container.ends[1]
    (tmp_path / "cut.frz").write_bytes((tmp_path / "nested.frz").read_bytes()[:end])
    loaded = load_nested(Digits(), tmp_path / "cut.frz").eval()
    for tier in each_tier(loaded):
        set_tier(model, tier)
        assert torch.equal(loaded(x), model(x))
    assert widths(loaded) == WIDTHS


def test_a_network_of_a_different_size_is_reported(tmp_path):
    model = grown()
    save_model(model, tmp_path / "nested.frz")
    with pytest.raises(MismatchError, match=r"conv1\.weight: shape"):
        load_model(descendant(model, 1), tmp_path / "nested.frz", tier=0)
    before = {name: tensor.clone() for name, tensor in Digits().state_dict().items()}
    other = Digits()
    other.fc2 = nn.Linear(10, 4)
    with pytest.raises(MismatchError, match=r"fc2\.weight: shape \[3, 10\] in the file, \[4, 10\]"):
        load_nested(other, tmp_path / "nested.frz")
    assert other.state_dict().keys() == before.keys()


def test_copies_are_independent():
    model, x = grown(), images()
    set_tier(model, 0)
    before = model(x)
    small = descendant(model, 0)
    fit(small)
    assert torch.equal(model(x), before)
    assert (small.conv2.in_channels, small.norm.num_features, small.fc1.in_features) == (2, 2, 8)


@pytest.mark.parametrize(
    ("smaller", "fault"),
    [
        ([{"conv9": 2}], "'conv9' has no filters"),
        ([{"conv1": 0}], "conv1: .* ascending, from 1 to 6"),
        ([{"conv1": 7}], "conv1: .* ascending, from 1 to 6"),
        ([{"conv1": 4}, {"conv1": 3}], "conv1: .* ascending"),
    ],
)
def test_impossible_widths(smaller, fault):
    model = digits()
    names = model.state_dict().keys()
    with pytest.raises(ValueError, match=fault):
        make_nested(model, GROUPS, smaller)
    assert model.state_dict().keys() == names


def test_networks_that_cannot_have_tiers():
    model = digits()
    model.norm.momentum = None
    with pytest.raises(ValueError, match="norm: averages over all batches"):
        make_nested(model, GROUPS, WIDTHS)
    with pytest.raises(ValueError, match="already has tiers"):
        make_nested(make_nested(digits(), GROUPS, WIDTHS), GROUPS, WIDTHS)
    for other in (regularize(digits(), 20), decompose(digits(), 0.25)):
        with pytest.raises(ValueError, match=r"conv1\.weight is not a plain weight; start with recompose"):
            make_nested(other, GROUPS, WIDTHS)
    tied = digits()
    tied.fc2.bias = nn.Parameter(torch.zeros(3))
    tied.other = nn.Linear(3, 3)
    tied.other.bias = tied.fc2.bias
    with pytest.raises(ValueError, match=r"other\.bias: tied"):
        make_nested(tied, GROUPS, WIDTHS)
    overlapping = digits()
    overlapping.conv1.bias = nn.Parameter(torch.zeros(1).expand_as(overlapping.conv1.bias))
    with pytest.raises(ValueError, match=r"conv1\.bias: elements share memory"):
        make_nested(overlapping, GROUPS, WIDTHS)


def test_state_dicts_are_read_as_the_largest_tier():
    model = grown()
    found, notes = gather(model.state_dict(), {})
    plain = descendant(model, 2).state_dict()
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in plain.items())
    assert notes == ["the largest of 3 tiers was read; frformat.torch.save_model writes all of them"]


def test_recurrent_layers_stay_whole():
    model = nn.Sequential(nn.Linear(4, 6), nn.LSTM(6, 3))
    make_nested(model, {"0": FilterGroup("0", 6, (Member("0.weight", 0), Member("0.bias", 0)))}, [{"0": 3}])
    assert sorted(parts(model)) == ["0.bias", "0.weight"]


@pytest.mark.skipif(not (shutil.which("java") and os.path.exists(JAR)), reason="the Kotlin decoder is not built")
def test_the_kotlin_decoder_reads_the_same_tiers(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path, out = os.fspath(tmp_path / "nested.frz"), os.fspath(tmp_path / "out.safetensors")
    save_model(grown(), path)
    for tier in range(3):
        subprocess.run(["java", "-jar", JAR, "decode", path, "--tier", str(tier), "-o", out, "--force"], check=True)
        theirs, ours = safetensors.load_file(out), load_file(path, tier=tier)
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())


def small(affine: bool = True) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8, affine=affine), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval()


def group(*members: Member, count: int = 8) -> dict[str, FilterGroup]:
    return {"0": FilterGroup("0", count, members)}


GOOD = (Member("0.weight", 0), Member("0.bias", 0), Member("3.weight", 1))
STATISTICS = (Member("1.running_mean", 0), Member("1.running_var", 0))


@pytest.mark.parametrize(
    ("groups", "rows", "reason"),
    [
        ({}, [{}], "groups is empty"),
        (group(*GOOD), [], "widths is empty"),
        (group(*GOOD), [{}], "the smallest tier has as many filters as the largest"),
        (group(*GOOD, Member("9.weight", 0)), [{"0": 4}], r"0: the model has no tensor '9\.weight'"),
        (group(*GOOD, Member("1.weight", 1)), [{"0": 4}], r"axis 1 of '1\.weight', \[8\], does not have 8 entries"),
        (group(*GOOD, count=9), [{"0": 4}], r"axis 0 of '0\.weight', \[8, 1, 3, 3\], does not have 9 entries"),
        (group(Member("3.weight", 1, 2)), [{"0": 4}], r"axis 1 of '3\.weight', .* does not have 16 entries"),
    ],
)
def test_groups_that_do_not_fit_are_named(groups: dict[str, FilterGroup], rows: list[dict[str, int]], reason: str):
    model = small()
    with pytest.raises(ValueError, match=reason):
        make_nested(model, groups, rows)
    assert model.state_dict().keys() == small().state_dict().keys()


def test_statistics_grow_without_a_weight(tmp_path):
    model, x = make_nested(small(affine=False), group(*GOOD, *STATISTICS), [{"0": 4}]), torch.randn(2, 1, 6, 6)
    for tier in each_tier(model):
        model[1].running_mean.normal_(tier)
    save_model(model, tmp_path / "nested.frz")
    loaded = load_nested(small(affine=False), tmp_path / "nested.frz")
    for tier in each_tier(loaded):
        set_tier(model, tier)
        assert torch.equal(loaded(x), model(x))
