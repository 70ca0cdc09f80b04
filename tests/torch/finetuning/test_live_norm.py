"""Batch normalization that goes on while quantized weights are trained."""

from __future__ import annotations

import copy
import io
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import CodedTensor
from frformat.errors import EncodeError
from frformat.torch import (
    CompressionError,
    compress,
    fit_quantized,
    load_model,
    load_quantized,
    parameter_groups,
    save_model,
)
from frformat.torch.live_norm import LiveNorm, live_norms, settle
from frformat.torch.quantized import quantized_tensors
from tests.torch.finetuning.networks import Net, descend

SIZE = 4000


class Transposed(nn.Module):
    """Upsamples; its weights count their outputs along the second axis."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2, 6, 2, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.up(x)).relu()).mean((2, 3))


class Biased(nn.Module):
    """Adds a bias before batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


class Two(Biased):
    """Uses the outputs of its convolution in two ways, so that batch normalization cannot be folded."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head((x + self.norm(x)).relu().mean((2, 3)))


@pytest.fixture
def tuned(small: Path, images: Tensor) -> Net:
    return load_quantized(Net(), small, batches=images.split(16))


def only(model: nn.Module) -> LiveNorm:
    ((_, live),) = live_norms(model).values()
    return live


def test_evaluation_mode_computes_what_the_file_does(tuned: Net, small: Path, images: Tensor):
    plain = Net()
    load_model(plain, small)
    assert list(live_norms(tuned)) == ["norm.live"]
    torch.testing.assert_close(tuned.eval()(images), plain.eval()(images), atol=1e-5, rtol=1e-5)


def test_statistics_are_those_of_the_batches(tuned: Net, images: Tensor):
    inputs = tuned.conv1(images)
    torch.testing.assert_close(only(tuned).mean, inputs.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(only(tuned).variance, inputs.var((0, 2, 3), correction=0), atol=1e-5, rtol=1e-4)


def test_training_mode_computes_the_same_for_batches_with_the_running_statistics(tuned: Net, images: Tensor):
    expected = tuned.eval()(images)
    torch.testing.assert_close(tuned.train()(images), expected, atol=1e-4, rtol=1e-4)


def test_other_batches_are_normalized(tuned: Net, images: Tensor):
    expected = tuned.eval()(images)
    torch.testing.assert_close(tuned.train()(3 * images), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("network", [Net, Transposed])
def test_levels_go_into_the_step_offsets(network: type[nn.Module], images: Tensor, tmp_path: Path):
    torch.manual_seed(0)
    net = network()
    nn.init.uniform_(net.norm.bias)
    compress(net.eval(), tmp_path / "a.frz", images.split(16), size=SIZE // 2)
    model = load_quantized(network(), tmp_path / "a.frz", batches=images.split(16))
    live = only(model)
    weight = quantized_tensors(model)[live.layer.weight]
    before = weight().detach().transpose(0, live.layer.axis)
    with torch.no_grad():
        live.level += 16.4  # an octave
        live.level[1] -= 16.7
    fit_quantized(model, SIZE)
    after = weight().detach().transpose(0, live.layer.axis)
    torch.testing.assert_close(after[0], 2 * before[0])
    torch.testing.assert_close(after[1], before[1])
    torch.testing.assert_close(model.train()(images), model.eval()(images), atol=1e-4, rtol=1e-4)
    save_model(model, tmp_path / "b.frz")
    plain = network()
    load_model(plain, tmp_path / "b.frz")
    torch.testing.assert_close(plain.eval()(images), model(images), atol=1e-5, rtol=1e-5)


def test_files_whose_batch_normalization_is_not_folded(images: Tensor, tmp_path: Path):
    torch.manual_seed(0)
    net = Biased()
    for tensor in (net.norm.weight, net.norm.bias, net.norm.running_mean, net.norm.running_var, net.conv.bias):
        nn.init.uniform_(tensor, 0.5, 1)
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    kernel = CodedTensor.of_array(net.conv.weight.detach().numpy(), "q6", axis=0)
    frformat.save_file({**state, "conv.weight": kernel}, tmp_path / "a.frz")
    model = load_quantized(Biased(), tmp_path / "a.frz", batches=images.split(16))
    expected = model.eval()(images)
    torch.testing.assert_close(model.train()(images), expected, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        only(model).level += 16
    for _ in range(30):
        model(images)
    fit_quantized(model, 10_000)
    torch.testing.assert_close(model.train()(images), model.eval()(images), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(model(images), expected, atol=0.1)


def test_the_gradient_of_a_level_is_that_of_the_scale(tuned: Net, images: Tensor):
    tuned.train()
    seen: list[Tensor] = []
    tuned.norm.register_forward_hook(lambda *call: seen.append(call[2]))
    tuned(images).square().sum().backward()
    rest = tuned.norm.bias.detach() + only(tuned).held
    (out,) = seen
    upstream = torch.autograd.grad(tuned.head(tuned.conv2(out.relu()).relu().mean((2, 3))).square().sum(), out)[0]
    scaled = out.detach() - rest[:, None, None]
    expected = (upstream * scaled).sum((0, 2, 3)) * torch.log(torch.tensor(2.0)) / 16
    torch.testing.assert_close(only(tuned).level.grad, expected, atol=1e-3, rtol=1e-3)


def test_what_is_learned_is_in_the_file(tuned: Net, images: Tensor, tmp_path: Path):
    descend(tuned, images, steps=30)
    bias = tuned.norm.bias.detach() + only(tuned).held
    fit_quantized(tuned, SIZE)
    step = (tuned.norm.bias - tuned.norm.bias.detach()).abs().max()
    assert step == 0
    torch.testing.assert_close(tuned.norm.bias.detach() + only(tuned).held, bias, atol=0.05, rtol=0.05)
    save_model(tuned, tmp_path / "tuned.frz")
    plain = Net()
    load_model(plain, tmp_path / "tuned.frz")
    torch.testing.assert_close(plain.eval()(images), tuned.eval()(images), atol=1e-5, rtol=1e-5)
    with frformat.open(tmp_path / "tuned.frz") as file:
        assert not [name for name in file if "live" in name]


def test_levels_have_the_learning_rate_of_steps_and_no_weight_decay(tuned: Net):
    groups = parameter_groups(tuned, weight_decay=0.1, lr=0.5, plain_lr=0.01)
    (group,) = (group for group in groups if any(each is only(tuned).level for each in group["params"]))
    assert (group["lr"], group["weight_decay"]) == (0.5, 0)


def test_settling_twice_changes_nothing(tuned: Net, images: Tensor):
    descend(tuned, images)
    settle(tuned)
    before = copy.deepcopy(tuned.state_dict())
    settle(tuned)
    for name, value in tuned.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0, msg=name)


def test_state_dicts_and_copies_continue_alike(tuned: Net, small: Path, images: Tensor):
    descend(tuned, images)
    fit_quantized(tuned, SIZE)
    descend(tuned, images)
    file = io.BytesIO()
    torch.save(tuned.state_dict(), file)
    file.seek(0)
    again = load_quantized(Net(), small, batches=images.split(16))
    again.load_state_dict(torch.load(file))
    for other in (again, copy.deepcopy(tuned)):
        assert only(other) is not only(tuned)
        descend(other, images)
        fit_quantized(other, SIZE)
    descend(tuned, images)
    fit_quantized(tuned, SIZE)
    assert torch.equal(again(images), tuned(images))


def test_layers_that_cannot_be_kept_alive_stay_in_evaluation_mode(images: Tensor, tmp_path: Path):
    torch.manual_seed(0)
    compress(Two().eval(), tmp_path / "two.frz", images.split(16), size=2000)
    model = load_quantized(Two(), tmp_path / "two.frz", batches=images.split(16))
    assert not live_norms(model)
    assert torch.equal(model.train()(images), model.eval()(images))


def test_a_single_element_is_not_normalized(tuned: Net):
    one = torch.ones(1, 2, 1, 1)
    assert torch.equal(tuned.train()(one), tuned.eval()(one))


def test_failing_batches_leave_the_model_as_it_was(small: Path):
    model = Net()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(CompressionError, match="Net fails on batch 0"):
        load_quantized(model, small, batches=[torch.zeros(1, 3, 8, 8)])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not quantized_tensors(model)
    assert model.training


def test_dead_channels_keep_their_steps(tuned: Net, images: Tensor):
    weight = quantized_tensors(tuned)["conv1.weight"]
    with torch.no_grad():
        weight.original[:4] = 0
    tuned.train()
    for _ in range(30):
        for _ in range(10):
            tuned(images)
        settle(tuned)
    assert not weight[0].form.offsets.get(0, torch.zeros(4))[:4].any()
    torch.testing.assert_close(tuned(images), tuned.eval()(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("codes", [5000, -5000])
def test_steps_beyond_those_of_files(codes: int, tuned: Net):
    quantized = quantized_tensors(tuned)["conv1.weight"][0]
    before = quantized.form
    with pytest.raises(EncodeError, match="beyond those of a file: training diverged"):
        quantized.add_offsets(0, torch.full((16,), codes))
    assert quantized.form is before


def test_divergence(tuned: Net):
    with torch.no_grad():
        only(tuned).level.fill_(float("nan"))
    with pytest.raises(EncodeError, match="training diverged"):
        fit_quantized(tuned, SIZE)
