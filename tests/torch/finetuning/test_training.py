"""Fine-tuning a compressed file keeps the form in which it stores the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import Axis, CodedTensor
from frformat.torch import load_file, load_model, load_quantized, save_model
from frformat.torch.quantized import quantized_tensors
from tests.torch.finetuning.networks import Language, Net, descend, forms, zeros

RNG = np.random.default_rng(0)


def test_the_model_computes_with_the_weights_of_the_file(small: Path, images: Tensor):
    plain, tuned = Net().eval(), load_quantized(Net(), small)
    load_model(plain, small)
    torch.testing.assert_close(tuned(images), plain(images), atol=1e-5, rtol=1e-5)
    assert {"conv1.weight", "conv2.weight", "head.weight"} <= set(quantized_tensors(tuned))


def test_saving_without_training_gives_the_same_tensors(small: Path, tmp_path: Path):
    save_model(load_quantized(Net(), small), tmp_path / "again.frz")
    with frformat.open(small) as one, frformat.open(tmp_path / "again.frz") as other:
        assert set(one) == set(other)
        for name in one:
            assert one[name].tobytes() == other[name].tobytes(), name
    assert forms(small) == forms(tmp_path / "again.frz")
    assert (tmp_path / "again.frz").stat().st_size <= small.stat().st_size


def test_training_keeps_steps_bases_and_zeros(small: Path, images: Tensor, tmp_path: Path):
    tuned, path = load_quantized(Net(), small), tmp_path / "tuned.frz"
    descend(tuned, images)
    save_model(tuned, path)
    assert forms(path) == forms(small)
    before, after = zeros(small), zeros(path)
    kernels = [name for name in before if name.endswith("weight") and before[name].ndim > 1]
    assert len(kernels) == 3
    assert all(after[name][before[name]].all() for name in kernels)
    old, new = load_file(small), load_file(path)
    assert all(not torch.equal(old[name], new[name]) for name in (*kernels, "conv2.bias", "norm.bias"))
    assert all(
        torch.equal(old[f"norm.{name}"], new[f"norm.{name}"]) for name in ("weight", "running_mean", "running_var")
    )


def test_the_file_gives_the_results_of_the_trained_model(small: Path, images: Tensor, tmp_path: Path):
    tuned, plain = load_quantized(Net(), small), Net().eval()
    before = tuned(images).detach()
    descend(tuned, images)
    save_model(tuned, tmp_path / "tuned.frz")
    load_model(plain, tmp_path / "tuned.frz")
    torch.testing.assert_close(tuned(images), plain(images), atol=1e-5, rtol=1e-5)
    assert (tuned(images) - 1).square().mean() < (before - 1).square().mean()


def test_gradients_are_those_of_the_weights_times_their_steps_except_at_zeros(tmp_path: Path):
    form = CodedTensor(np.array([[3, 0, -1], [0, 0, 2]], np.int32), (2, 3), "f32", step=-32)
    frformat.save_file({"weight": form, "bias": np.zeros(2, np.float32)}, tmp_path / "a.frz")
    layer = load_quantized(nn.Linear(3, 2), tmp_path / "a.frz")
    assert torch.equal(layer.weight, torch.tensor([[0.75, 0, -0.25], [0, 0, 0.5]]))
    layer.weight.backward(torch.arange(1.0, 7).view(2, 3))
    assert torch.equal(quantized_tensors(layer)["weight"].original.grad, 0.25 * torch.tensor([[1.0, 0, 3], [0, 0, 6]]))


@pytest.mark.parametrize("axes", [("identity", "dct"), ("dct", "dct"), ("dct", "identity")])
def test_bases(axes: tuple[str, ...], tmp_path: Path):
    values = RNG.integers(-3, 4, (6, 5)).astype(np.int32)
    offsets = {0: np.arange(6, dtype=np.int32), 1: np.arange(5, dtype=np.int32)}
    form = CodedTensor(values, (6, 5), "f32", tuple(map(Axis, axes)), step=-50, offsets=offsets)
    frformat.save_file({"weight": form, "bias": np.ones(6, np.float32)}, tmp_path / "a.frz")
    layer = load_quantized(nn.Linear(5, 6), tmp_path / "a.frz")
    np.testing.assert_allclose(layer.weight.detach(), form.rebuild(), atol=1e-6)
    # Assigning to the weight sets the coefficients.
    held = quantized_tensors(layer)["weight"]
    before = held.original.detach().clone()
    layer.weight = layer.weight.detach().clone()
    torch.testing.assert_close(held.original.detach(), before, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("format", ["f16", "bf16"])
def test_vectors_in_a_16_bit_format_are_rounded_to_it(format: str, tmp_path: Path):
    weight = CodedTensor.of_array(RNG.standard_normal((6, 5)).astype(np.float32), "q6", axis=0)
    bias = CodedTensor.of_array(RNG.standard_normal(6).astype(np.float32), format)
    frformat.save_file({"weight": weight, "bias": bias}, tmp_path / "a.frz")
    layer = load_quantized(nn.Linear(5, 6), tmp_path / "a.frz")
    descend(layer, torch.ones(2, 5), lr=0.001)
    save_model(layer, tmp_path / "b.frz")
    with frformat.open(tmp_path / "b.frz") as file:
        assert file.stored("bias").value_type == format
        assert np.array_equal(file["bias"], layer.bias.detach())
        assert not np.array_equal(file["bias"], bias.rebuild())


def test_exact_and_constant_tensors(tmp_path: Path):
    bias = RNG.standard_normal(6).astype(np.float32)
    tensors = {"0.weight": CodedTensor.of_array(RNG.standard_normal((6, 5)).astype(np.float32), "q6"), "0.bias": bias}
    tensors |= {"1.weight": CodedTensor.of_array(np.ones(6, np.float32), "auto")}
    tensors |= {"1.bias": CodedTensor.of_array(np.zeros(6, np.float32), "auto")}
    frformat.save_file(tensors, tmp_path / "a.frz")
    model = load_quantized(nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6)), tmp_path / "a.frz")
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"0.parametrizations.weight.original", "0.bias"}
    descend(model, torch.ones(4, 5))
    save_model(model, tmp_path / "b.frz")
    with frformat.open(tmp_path / "b.frz") as file:
        assert file.stored("0.bias").exact
        assert file.stored("1.weight").step is not None


def test_tied_weights_stay_tied_and_recurrent_ones_stay_as_they_are(tmp_path: Path):
    torch.manual_seed(0)
    forms_of = {
        name: CodedTensor.of_array(tensor.detach().numpy(), "q5")
        for name, tensor in Language().state_dict().items()
        if name != "head.weight"
    }
    frformat.save_file(forms_of, tmp_path / "a.frz", aliases={"head.weight": "embedding.weight"})
    model = load_quantized(Language(), tmp_path / "a.frz")
    tokens = torch.arange(20).view(4, 5)
    descend(model, tokens)
    assert torch.equal(model.head.weight, model.embedding.weight)
    save_model(model, tmp_path / "b.frz")
    plain = Language()
    load_model(plain, tmp_path / "b.frz")
    torch.testing.assert_close(plain(tokens), model(tokens), atol=1e-6, rtol=1e-5)
    with frformat.open(tmp_path / "a.frz") as one, frformat.open(tmp_path / "b.frz") as other:
        assert other.aliases == {"head.weight": "embedding.weight"}
        for name in (name for name in one if name.startswith("lstm.")):
            assert np.array_equal(one.stored(name).values, other.stored(name).values)
        assert not np.array_equal(one["embedding.weight"], other["embedding.weight"])
