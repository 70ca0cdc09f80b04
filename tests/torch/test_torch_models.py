from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import frformat
from frformat import EncodeError, FrzError, Spectrum
from frformat.torch import MismatchError, load_file, load_model, regularize, save_file, save_model
from tests.sums import assert_same, network_slack, same_sums


class Tied(nn.Module):
    """An embedding and a head that share a weight, a norm with buffers, a bias, and a buffer that is not persistent."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 30)
        self.head.weight = self.embed.weight
        self.register_buffer("mask", torch.rand(3) > 0.5)
        self.register_buffer("scratch", torch.rand(2), persistent=False)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.frz"


def test_a_model_survives(path: Path):
    model, other = Tied(), Tied()
    model.norm.num_batches_tracked.fill_(1 << 40)
    save_model(model, path)
    before = {name: tensor.data_ptr() for name, tensor in other.state_dict(keep_vars=True).items()}
    assert load_model(other, path) == ([], [])
    assert same(model, other)
    assert other.head.weight is other.embed.weight
    assert before == {name: tensor.data_ptr() for name, tensor in other.state_dict(keep_vars=True).items()}
    with frformat.open(path) as file:
        assert file.aliases == {"head.weight": "embed.weight"}
        assert "scratch" not in file


def test_device_dtype_and_gradient_are_kept(path: Path):
    save_model(Tied(), path)
    model = Tied().to(torch.bfloat16)
    load_model(model, path)
    assert model.head.bias.dtype == torch.bfloat16
    assert model.head.bias.requires_grad
    assert model.head.bias.grad_fn is None


def test_all_differences_are_reported_together(path: Path):
    save_model(Tied(), path)
    model = Tied(width=4)
    model.extra = nn.Linear(2, 2)
    del model.mask
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(MismatchError) as caught:
        load_model(model, path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path} does not fit Tied:"
    assert "  not in the model: mask" in lines
    assert "  missing from the file: extra.weight, extra.bias" in lines
    assert "  embed.weight: shape [30, 8] in the file, [30, 4] in the model" in lines
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_shapes_must_fit_even_if_names_need_not(path: Path):
    save_model(nn.Linear(2, 3), path)
    with pytest.raises(MismatchError, match=r"weight: shape \[3, 2\] in the file, \[4, 2\] in the model"):
        load_model(nn.Linear(2, 4), path, strict=False)


def test_checkpoints_older_than_the_batch_counter_load(path: Path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    model(torch.randn(4, 1, 8, 8))
    old = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(old, path)
    again = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    assert load_model(again, path) == ([], [])
    assert torch.equal(again[1].running_mean, model[1].running_mean)
    skeleton = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).to("meta")
    load_model(skeleton, path, assign=True)
    assert skeleton[1].num_batches_tracked.device.type == "cpu"
    assert skeleton[1].num_batches_tracked == 0
    del old["1.running_mean"]
    save_file(old, path)
    with pytest.raises(MismatchError, match=r"missing from the file: 1\.running_mean"):
        load_model(again, path)


def test_missing_and_unexpected_names_are_returned_if_not_strict(path: Path):
    save_file({"weight": torch.ones(2, 2), "other": torch.ones(1)}, path)
    model = nn.Linear(2, 2)
    bias = model.bias.clone()
    assert load_model(model, path, strict=False) == (["bias"], ["other"])
    assert torch.equal(model.weight, torch.ones(2, 2))
    assert torch.equal(model.bias, bias)


def test_long_lists_of_names_are_shortened(path: Path):
    save_file({f"t{i}": torch.ones(1) for i in range(50)}, path)
    with pytest.raises(MismatchError, match="t19 and 30 more"):
        load_model(nn.Module(), path)


def test_one_name_of_a_tied_tensor_is_enough(path: Path):
    model, other = Tied(), Tied()
    state = model.state_dict()
    del state["embed.weight"]
    save_file(state, path)
    assert load_model(other, path) == ([], [])
    assert same(model, other)


def test_tied_tensors_of_the_model_must_agree_in_the_file(path: Path):
    state = {name: tensor.clone() for name, tensor in Tied().state_dict().items()}
    save_file(state, path)
    load_model(Tied(), path)
    state["head.weight"] += 1
    save_file(state, path)
    with pytest.raises(MismatchError, match=r"embed.weight, head.weight: one tensor in the model, but two"):
        load_model(Tied(), path)


def test_tied_tensors_with_the_same_bits_in_different_types_do_not_agree(path: Path):
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = self.b = nn.Parameter(torch.zeros(2))

    save_file({"a": torch.ones(2).half(), "b": torch.ones(2).half().view(torch.bfloat16)}, path)
    with pytest.raises(MismatchError, match="two that differ in the file"):
        load_model(Model(), path)


def test_kinds_of_numbers_must_agree(path: Path):
    save_file({"weight": torch.ones(2, 2, dtype=torch.int64), "bias": torch.ones(2)}, path)
    with pytest.raises(MismatchError, match=r"weight: torch.int64 in the file, torch.float32 in the model"):
        load_model(nn.Linear(2, 2), path)


def test_models_without_memory_are_recognized(path: Path):
    save_model(nn.Linear(2, 2), path)
    with pytest.raises(MismatchError, match=r"weight: on the meta device in the model; .* load with assign=True"):
        load_model(nn.Linear(2, 2, device="meta"), path)
    with pytest.raises(MismatchError, match="weight: not initialized in the model; run it once"):
        load_model(nn.LazyLinear(2), path)
    with pytest.raises(EncodeError, match=r"tensor 'weight': an uninitialized parameter"):
        save_model(nn.LazyLinear(2), path)


class Renamed(nn.Linear):
    """Computes its state dict on each call, so writing to it would change nothing."""

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        destination[f"{prefix}weight"] = self.weight.detach().clone()
        destination[f"{prefix}bias"] = self.bias


def test_computed_entries_are_not_silently_lost(path: Path):
    save_model(Renamed(2, 2), path)
    with pytest.raises(MismatchError, match=r"weight: the model computes this entry of its state dict"):
        load_model(Renamed(2, 2), path)


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        raise AssertionError


def test_extra_state_is_refused_or_missing(path: Path):
    with pytest.raises(EncodeError, match=r"^_extra_state: the model has extra state of type dict, but"):
        save_model(Extra(2, 2), path)
    save_model(nn.Linear(2, 2), path)
    assert load_model(Extra(2, 2), path, strict=False).missing == ["_extra_state"]


def test_tiers_and_budget_reach_the_file(path: Path):
    spectrum = Spectrum(np.arange(1, 7, dtype=np.float32), (40, 30))
    save_file({"weight": spectrum}, path, tiers=[2])
    model = nn.Linear(30, 40, bias=False)
    load_model(model, path, tier=0)
    np.testing.assert_array_equal(model.weight.detach().numpy(), spectrum.truncated(2).weights())
    with pytest.raises(FrzError, match="BUDGET"):
        load_model(model, path, memory_budget=100)


def test_parametrized_modules_load(path: Path):
    model, other = (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)) for _ in range(2))
    save_model(model, path)
    load_model(other, path)
    same_sums(other.weight, model.weight, terms=3)


def test_options_reach_the_file(path: Path):
    save_model(nn.Linear(2, 2), path, metadata={"a": "b"}, compression="none")
    with frformat.open(path) as file:
        assert file.metadata == {"a": "b"}
    assert list(load_file(path)) == ["weight", "bias"]


def test_a_regularized_model_is_saved_as_coefficients_under_plain_names(tmp_path: Path):
    torch.manual_seed(0)
    model, plain = (nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4)) for _ in range(2))
    regularize(model, 20, rules=["2.weight: raw"])
    save_model(model, tmp_path / "model.frz")
    with frformat.open(tmp_path / "model.frz") as file:
        assert {name: file.info(name).spectral for name in file} == {
            "0.weight": True,
            "0.bias": False,
            "2.weight": False,
            "2.bias": False,
        }
        assert file.info("0.weight").kept == (20,)
    load_model(plain, tmp_path / "model.frz")
    x = torch.randn(5, 12)
    assert_same(plain(x), model(x), network_slack(model, x))


def test_number_formats_are_those_of_training(tmp_path: Path):
    model = regularize(nn.Sequential(nn.Linear(12, 9)), rules=["0.weight: keep=20 format=q8"])
    save_model(model, tmp_path / "trained.frz")
    save_model(model, tmp_path / "asked.frz", format="f32")
    with frformat.open(tmp_path / "trained.frz") as trained, frformat.open(tmp_path / "asked.frz") as asked:
        assert trained.info("0.weight").step is not None
        assert (asked.info("0.weight").step, asked.info("0.weight").format) == (None, None)


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning:torch")
def test_scripted_models_are_saved_and_loaded(tmp_path):
    model, other = (torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU())) for _ in range(2))
    save_model(model, tmp_path / "a.frz")
    load_model(other, tmp_path / "a.frz")
    x = torch.randn(2, 3)
    assert torch.equal(other(x), model(x))
