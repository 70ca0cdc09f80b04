"""Fine-tuning compressed files of unusual modules, and with unusual weights and states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import Axis, CodedTensor, checkpoints
from frformat.errors import EncodeError
from frformat.torch import fit_quantized, load_file, load_model, load_quantized, regularize, save_model
from frformat.torch.quantized import quantized_tensors
from tests.torch.finetuning.networks import descend

pytestmark = pytest.mark.filterwarnings("ignore:fit_quantized")  # most sizes here are much smaller

RNG = np.random.default_rng(0)


class Listing(nn.Sequential):
    """A container with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(6, 6), nn.Linear(6, 6))
        self.scale = nn.Parameter(torch.randn(1, 6))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class Reusing(nn.Module):
    """Has parameters that share memory: two are the same, and two overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(6, 6), nn.Linear(6, 6)
        self.head.weight = nn.Parameter(self.embedding.weight.data)
        self.whole = nn.Parameter(torch.randn(6, 6))
        self.part = nn.Parameter(self.whole.data[:3])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embedding(x)) @ self.whole @ self.part.T


class Scripted(nn.Module):
    """Has a TorchScript module."""

    def __init__(self) -> None:
        super().__init__()
        self.fixed, self.head = torch.jit.script(nn.Linear(6, 6)), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.fixed(x))


class Stateful(nn.Module):
    """Has an empty extra state, a sparse buffer, and a buffer without elements."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 6)
        self.register_buffer("sparse", torch.eye(6).to_sparse())
        self.register_buffer("empty", torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)

    def get_extra_state(self) -> None:
        return None

    def set_extra_state(self, state: object) -> None:
        raise AssertionError


def quantize(model: nn.Module, path: Path, format: str = "q5") -> Path:
    """Write a model's matrices and vectors as integers."""
    ties = checkpoints.torch_tensors.aliases(model.state_dict())
    arrays = {
        name: tensor.to_dense().numpy()
        for name, tensor in model.state_dict().items()
        if isinstance(tensor, Tensor) and name not in ties
    }
    forms = {
        name: CodedTensor.of_array(array, format if array.dtype == np.float32 else "exact")
        for name, array in arrays.items()
    }
    frformat.save_file(forms, path, aliases=ties)
    return path


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (Listing, ["scale"]),
        (Reusing, ["part", "whole"]),
        (Scripted, ["fixed.bias", "fixed.weight"]),
        (Stateful, ["empty", "sparse"]),
    ],
)
def test_unusual_modules(kind: type[nn.Module], kept: list[str], tmp_path: Path):
    torch.manual_seed(0)
    inputs = torch.arange(6).view(2, 3) if kind is Reusing else torch.randn(4, 6)
    tuned = load_quantized(kind(), quantize(kind(), tmp_path / "a.frz", "step=0.0625"))
    descend(tuned, inputs)
    save_model(tuned, tmp_path / "b.frz")
    plain = kind()
    load_model(plain, tmp_path / "b.frz")
    torch.testing.assert_close(tuned(inputs), plain(inputs))
    with frformat.open(tmp_path / "a.frz") as one, frformat.open(tmp_path / "b.frz") as other:
        same = [name for name in one if one[name].tobytes() == other[name].tobytes()]
        assert sorted(same) == kept
        assert other.aliases == one.aliases
    assert fit_quantized(tuned, "1MB") == (tmp_path / "b.frz").stat().st_size
    assert fit_quantized(tuned, (tmp_path / "b.frz").stat().st_size - 9) < (tmp_path / "b.frz").stat().st_size


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.SyncBatchNorm, nn.InstanceNorm1d])
def test_running_statistics_do_not_change(norm: type[nn.Module], tmp_path: Path):
    def network() -> nn.Module:
        options = {"affine": True, "track_running_stats": True}
        return nn.Sequential(nn.Conv1d(4, 6, 3), norm(6, **options), nn.Conv1d(6, 6, 3))

    tuned = load_quantized(network(), quantize(network(), tmp_path / "a.frz"))
    before = [buffer.clone() for buffer in tuned[1].buffers()]
    descend(tuned, torch.randn(4, 4, 9))
    assert all(map(torch.equal, before, tuned[1].buffers()))


def test_state_dicts_contain_bases_and_steps(tmp_path: Path):
    torch.manual_seed(0)
    layer, x = nn.Linear(6, 6), torch.randn(4, 6)
    tuned = load_quantized(nn.Linear(6, 6), quantize(layer, tmp_path / "a.frz", "q6"))
    descend(tuned, x)
    axes = {"axes": (Axis("dct"), Axis()), "offsets": {1: np.arange(6)}}
    form = CodedTensor(RNG.integers(-3, 4, (6, 6)).astype(np.int32), (6, 6), "f32", step=-40, **axes)
    frformat.save_file(
        {"weight": form, "bias": CodedTensor.of_array(layer.bias.detach().numpy(), "q3")}, tmp_path / "b.frz"
    )
    other = load_quantized(nn.Linear(6, 6), tmp_path / "b.frz")
    assert all(parameter.is_contiguous() for parameter in other.parameters())
    other.load_state_dict(tuned.state_dict())
    assert torch.equal(other(x), tuned(x))
    assert fit_quantized(tuned, 140) == fit_quantized(other, 140)
    for name, model in {"one": tuned, "other": other}.items():
        save_model(model, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("format", ["q6", "f16"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_weights_that_files_cannot_store(value: float, format: str, tmp_path: Path):
    tuned = load_quantized(nn.Linear(6, 6), quantize(nn.Linear(6, 6), tmp_path / "a.frz", format))
    with torch.no_grad():
        quantized_tensors(tuned)["weight"].original[0, 0] = value
    for write in (lambda: save_model(tuned, tmp_path / "b.frz"), lambda: fit_quantized(tuned, 100)):
        with pytest.raises(
            EncodeError, match=r"'weight': it contains (infinite or NaN values: training diverged|.* steps)"
        ):
            write()


def test_integers_beyond_the_precision_of_weights_are_not_trained(tmp_path: Path):
    def form(largest: int) -> CodedTensor:
        return CodedTensor(np.array([[largest, 1 - largest], [3, 0]], np.int32), (2, 2), "f32", step=-300 - 5)

    for largest in (1 << 21, (1 << 21) + 1):
        frformat.save_file({"0.weight": form(largest), "1.weight": form(5)}, tmp_path / "a.frz")
        tuned = load_quantized(nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(2))), tmp_path / "a.frz")
        assert ("0.weight" in quantized_tensors(tuned)) == (largest == 1 << 21)
        save_model(tuned, tmp_path / "b.frz")
        assert np.array_equal(frformat.load_file(tmp_path / "b.frz")["0.weight"], form(largest).rebuild())


def test_files_with_16_bit_weights_cannot_become_smaller(tmp_path: Path):
    tuned = load_quantized(nn.Linear(6, 6), quantize(nn.Linear(6, 6), tmp_path / "a.frz", "f16"))
    descend(tuned, torch.ones(2, 6))
    nbytes = fit_quantized(tuned, 1000)
    save_model(tuned, tmp_path / "b.frz")
    assert nbytes == (tmp_path / "b.frz").stat().st_size
    with pytest.raises(ValueError, match=rf"size=99: the file has {nbytes} bytes even if"):
        fit_quantized(tuned, 99)


def test_a_removed_tensor_is_not_stored(tmp_path: Path):
    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))

    model = network()
    model[1].requires_grad_(False)
    tuned = load_quantized(model, quantize(network(), tmp_path / "a.frz"))
    del tuned[1].weight
    tuned[1].register_parameter("scale", nn.Parameter(torch.ones(1)))
    save_model(tuned, tmp_path / "b.frz")
    assert set(load_file(tmp_path / "b.frz")) == {"0.weight", "0.bias", "1.bias", "1.scale"}


def test_delta_files(tmp_path: Path):
    base = {"weight": CodedTensor(np.arange(30, dtype=np.int32).reshape(5, 6), (5, 6), "f32", step=-60)}
    base["bias"] = CodedTensor.of_array(np.zeros(5, np.float32))
    frformat.save_file(base, tmp_path / "base.frz")
    wanted = base["weight"].rebuild() + np.eye(5, 6, dtype=np.float32)
    weight = CodedTensor.like(wanted, base["weight"])
    frformat.save_file({**base, "weight": weight}, tmp_path / "delta.frz", base=tmp_path / "base.frz")
    tuned = load_quantized(nn.Linear(6, 5), tmp_path / "delta.frz", base=tmp_path / "base.frz")
    assert np.array_equal(tuned.weight.detach(), weight.rebuild())
    save_model(tuned, tmp_path / "whole.frz")
    assert np.array_equal(load_file(tmp_path / "whole.frz")["weight"], weight.rebuild())


def test_parameters_of_containers_cannot_be_regularized():
    with pytest.raises(ValueError, match=r"scale belongs to a container of class Listing"):
        regularize(Listing(), keep=5)
