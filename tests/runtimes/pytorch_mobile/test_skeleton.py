"""Skeletons meet the contract in :mod:`frformat.runtimes.pytorch_mobile` when they run in the lite interpreter."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from frformat.torch import regularize, unregularize
from frformat.train.models import LeNet5, ResNet20, UNet
from tests.runtimes.pytorch_mobile.lite import Mixed, exported, lite, load, refusal
from tests.sums import assert_same, network_slack, same_sums

INPUT = torch.tensor([0, 3, 4, 1])

carriers = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.bool: torch.uint8,
    torch.int16: torch.int32,
}
"""The dtypes that the phone uses instead of those that its tensors do not support."""


def as_given(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.to(carriers.get(tensor.dtype, tensor.dtype)) for name, tensor in model.state_dict().items()}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mixed, Any]:
    torch.manual_seed(0)
    model = Mixed().eval()
    model.norm.running_mean.uniform_(-1, 1)
    return model, exported(model, tmp_path_factory.mktemp("mixed"))


@pytest.mark.parametrize(("make", "shape"), [(LeNet5, (2, 1, 28, 28)), (ResNet20, (2, 3, 32, 32))])
def test_reference_networks_compute_the_same_outputs(make: Any, shape: tuple[int, ...], tmp_path: Path):
    model = make().eval()
    module = lite(model, tmp_path)
    module.run_method("load_weights", dict(model.state_dict()))
    x = torch.randn(shape)
    with torch.no_grad():
        assert_same(module(x), model(x), network_slack(model, x))


def test_a_wide_network_computes_the_same_outputs_at_any_size(tmp_path: Path):
    model = UNet(width=4)
    module = lite(model, tmp_path)
    module.run_method("load_weights", dict(model.state_dict()))
    for shape in ((1, 3, 32, 32), (2, 3, 45, 37)):
        x = torch.randn(shape)
        with torch.no_grad():
            assert_same(module(x), model.eval()(x), network_slack(model, x))


@given(st.data())
def test_weights_can_be_passed_in_any_parts_and_order(mixed: tuple[Mixed, Any], data: st.DataObject):
    model, export = mixed
    module, weights = load(export), as_given(model)
    names = data.draw(st.permutations(sorted(weights)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(names) - 1))))
    left = set(weights)
    for start, end in zip([0, *cuts], [*cuts, len(names)], strict=True):
        assert set(module.run_method("weights_missing")) <= left
        if left - {"embed.weight", "head.weight"}:
            assert "load_weights" in refusal(module, INPUT)
        module.run_method("load_weights", {name: weights[name] for name in names[start:end]})
        left -= set(names[start:end])
    assert module.run_method("weights_missing") == []
    with torch.no_grad():
        assert_same(module(INPUT), model(INPUT), network_slack(model, INPUT))
        same_sums(module.run_method("logits", INPUT), model.logits(INPUT), 4)


@given(st.data())
def test_every_fault_is_named_and_nothing_is_loaded(mixed: tuple[Mixed, Any], data: st.DataObject):
    model, export = mixed
    module, weights = load(export), as_given(model)
    wrong = {
        "shape": st.sampled_from(sorted(weights)).map(
            lambda name: (name, torch.zeros(7, 7, dtype=weights[name].dtype))
        ),
        "left over": st.sampled_from(["", "extra", "embed", "norm.weight.x", "名前"]).map(
            lambda name: (name, torch.ones(1))
        ),
        "dtype": st.sampled_from(["short", "mask", "norm.num_batches_tracked"]).map(
            lambda name: (name, torch.zeros(weights[name].shape))
        ),
        "floating": st.sampled_from(["norm.weight", "brain", "embed.weight"]).map(
            lambda name: (name, torch.zeros(weights[name].shape, dtype=torch.int32))
        ),
        "do not fit": st.just(("short", torch.tensor([1, 2, 1 << 15], dtype=torch.int32))),
        "do not fit into": st.just(("mask", torch.tensor([0, 1, 2], dtype=torch.uint8))),
        "elements": st.sampled_from([("norm.weight", 1e39, torch.float64), ("brain", 3.4e38, torch.float32)]).map(
            lambda each: (each[0], torch.full(weights[each[0]].shape, each[1], dtype=each[2]))
        ),
    }
    kinds = data.draw(st.sets(st.sampled_from(sorted(wrong)), min_size=1, max_size=3))
    faults = {kind: data.draw(wrong[kind]) for kind in sorted(kinds)}
    given_weights = weights | dict(faults.values())
    told = refusal(module.run_method, "load_weights", given_weights)
    for name, tensor in dict(faults.values()).items():
        assert f"{name} " in told, tensor
    assert set(module.run_method("weights_missing")) == set(weights)


def test_infinities_and_nan_are_not_mistaken_for_elements_that_do_not_fit(mixed: tuple[Mixed, Any]):
    model, export = mixed
    module, weights = load(export), as_given(model)
    for name in ("norm.weight", "brain"):
        values = torch.zeros(weights[name].shape, dtype=torch.float64)
        values.flatten()[:3] = torch.tensor([torch.inf, -torch.inf, torch.nan])[: values.numel()]
        module.run_method("load_weights", {name: values})
        assert name not in module.run_method("weights_missing")


def test_all_missing_weights_are_named(mixed: tuple[Mixed, Any]):
    model, export = mixed
    module, weights = load(export), as_given(model)
    told = refusal(module, INPUT)
    assert all(name in told for name in weights)
    assert "logits" not in told
    assert refusal(module.run_method, "logits", INPUT) == told


def test_names_and_shapes_can_be_checked_before_any_weight_is_passed(mixed: tuple[Mixed, Any]):
    model, export = mixed
    module, weights = load(export), as_given(model)
    shapes = {name: list(weight.shape) for name, weight in weights.items() if weight.dim()}
    scalars = {name for name, weight in weights.items() if not weight.dim()}  # PyTorch cannot pass an empty list here
    module.run_method("check_weights", shapes, True)
    one_name = {name: shape for name, shape in shapes.items() if name != "head.weight"}
    for lacking in (set(), {"brain", "mask"}):
        given = {name: shape for name, shape in one_name.items() if name not in lacking}
        told = refusal(module.run_method, "check_weights", given, False)
        number = len(scalars | lacking)
        assert (
            f"{number} weight{'s' if number > 1 else ''} of the model {'are' if number > 1 else 'is'} missing: " in told
        )
        assert all(name in told for name in scalars | lacking)
        assert "head.weight" not in told
        module.run_method("check_weights", given, True)
    for partial in (False, True):
        told = refusal(module.run_method, "check_weights", shapes | {"other": [2], "norm.weight": [1, 7]}, partial)
        assert "other is left over" in told
        assert "norm.weight has shape [1, 7]; the model expects" in told
        assert ("missing" in told) == (not partial)
    assert set(module.run_method("weights_missing")) == set(weights)


def test_tied_weights_need_one_name_and_must_agree(mixed: tuple[Mixed, Any]):
    model, export = mixed
    for name, other in (("head.weight", "embed.weight"), ("embed.weight", "head.weight")):
        module, weights = load(export), as_given(model)
        weights.pop(other)
        module.run_method("load_weights", weights)
        assert module.run_method("weights_missing") == []
        with torch.no_grad():
            assert_same(module(INPUT), model(INPUT), network_slack(model, INPUT))
        told = refusal(module.run_method, "load_weights", {other: weights[name] + 1})
        assert name in told
        assert other in told
        told = refusal(load(export).run_method, "load_weights", {name: weights[name], other: weights[name] + 1})
        assert "one tensor" in told


def test_weights_are_replaced_by_new_ones(mixed: tuple[Mixed, Any]):
    model, export = mixed
    module = load(export)
    module.run_method("load_weights", as_given(model))
    torch.manual_seed(1)
    other = Mixed().eval()
    for name, tensor in reversed(as_given(other).items()):
        if name != "head.weight":  # passed under its other name
            module.run_method("load_weights", {name: tensor})
    module.run_method("load_weights", as_given(other))
    with torch.no_grad():
        assert_same(module(INPUT), other(INPUT), network_slack(other, INPUT))


def test_passed_memory_returns_to_the_caller(mixed: tuple[Mixed, Any]):
    model, export = mixed
    module, weights = load(export), {name: tensor.clone() for name, tensor in as_given(model).items()}
    module.run_method("load_weights", weights)
    for tensor in weights.values():
        tensor.zero_()
    with torch.no_grad():
        assert_same(module(INPUT), model(INPUT), network_slack(model, INPUT))


def test_the_model_is_unchanged(tmp_path: Path):
    model = Mixed()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    exported(model, tmp_path)
    assert model.training
    assert model.embed.weight.requires_grad
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_regularized_model_has_the_skeleton_of_the_plain_one(tmp_path: Path):
    model = regularize(LeNet5(), 50).eval()
    export = exported(model, tmp_path)
    assert sorted(export.tensors) == sorted(LeNet5().state_dict())
    module, x = load(export), torch.randn(2, 1, 28, 28)
    module.run_method("load_weights", dict(unregularize(copy.deepcopy(model)).state_dict()))
    with torch.no_grad():
        assert_same(module(x), model(x), network_slack(model, x))


def test_a_model_without_weights_runs_immediately(tmp_path: Path):
    assert lite(nn.Sequential(nn.ReLU()), tmp_path)(torch.tensor([-1.0, 2.0])).tolist() == [0, 2]


@pytest.mark.parametrize("traced", [False, True])
def test_a_model_that_is_already_torchscript(traced: bool, tmp_path: Path):
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    x = torch.randn(4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of PyTorch call TorchScript deprecated
        script = torch.jit.trace(model, x) if traced else torch.jit.script(model)
    module = lite(script, tmp_path)
    module.run_method("load_weights", dict(model.state_dict()))
    with torch.no_grad():
        assert_same(module(x), model(x), network_slack(model, x))


class Strided(nn.Module):
    """Returns several tensors, none of them row-major in memory."""

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], dict[str, Tensor], int]:
        x = x.t()
        return x, [x, x], {"a": x}, 3

    @torch.jit.export
    def alone(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


def test_results_are_in_row_major_order(tmp_path: Path):
    module, x = lite(Strided(), tmp_path), torch.randn(2, 3)
    first, second, third, fourth = module(x)
    for found in (first, *second, third["a"]):
        assert found.is_contiguous()
        torch.testing.assert_close(found, x.t())
    assert fourth == 3
    image = torch.randn(1, 2, 3, 4)
    found = module.run_method("alone", image)
    assert found.is_contiguous()
    torch.testing.assert_close(found, image)
