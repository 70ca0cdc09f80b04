"""Load into models with special tensors: shared, sparse, of other types, on the meta device, or not tensors at all."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import frformat
from frformat import Spectrum
from frformat.torch import MismatchError, factorize, load_file, load_model, regularize, save_file, save_model
from tests.torch.regularization.models import Net, Tied


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.frz"


def holder(**tensors: torch.Tensor) -> nn.Module:
    module = nn.Module()
    for name, tensor in tensors.items():
        module.register_buffer(name, tensor)
    return module


def test_tensors_tied_only_in_the_file_are_loaded_into_both(path: Path):
    save_model(Tied(), path)
    model = Tied()
    model.head = nn.Linear(6, 11, bias=False)
    load_model(model, path)
    with frformat.open(path) as file:
        expected = torch.from_numpy(file["embedding.weight"])
    assert torch.equal(model.embedding.weight, expected)
    assert torch.equal(model.head.weight, expected)
    assert model.head.weight is not model.embedding.weight


def test_views_of_one_storage_are_loaded_if_the_file_agrees_with_itself(path: Path):
    values = torch.randn(6, 6)

    def views(base: torch.Tensor) -> nn.Module:
        return holder(whole=base, row=base[1:3], columns=base[:, ::2], other=base[:, 1::2])

    save_model(views(values), path)
    model = views(torch.zeros(6, 6))
    load_model(model, path)
    assert torch.equal(model.whole, values)
    save_file({**views(values).state_dict(), "row": torch.ones(2, 6)}, path)
    before = model.whole.clone()
    with pytest.raises(MismatchError, match=r"share memory in the model, but the file has values that differ there"):
        load_model(model, path)
    assert torch.equal(model.whole, before)


def test_disjoint_slices_are_loaded_like_any_tensors(path: Path):
    save_file({"a": torch.ones(2, 3), "b": torch.full((2, 3), 2.0)}, path)
    base = torch.zeros(2, 6)
    load_model(holder(a=base[:, :3], b=base[:, 3:]), path)
    assert base.tolist() == [[1, 1, 1, 2, 2, 2]] * 2


def test_expanded_tensors_are_loaded_if_elements_that_share_memory_are_equal(path: Path):
    save_file({"w": torch.arange(3.0).expand(4, 3).clone()}, path)
    model = holder(w=torch.zeros(3).expand(4, 3))
    load_model(model, path)
    assert model.w.tolist() == [[0, 1, 2]] * 4
    save_file({"w": torch.randn(4, 3)}, path)
    with pytest.raises(MismatchError, match="w: shares memory in the model, but the file has values that differ"):
        load_model(model, path)
    assert model.w.tolist() == [[0, 1, 2]] * 4
    with pytest.raises(MismatchError, match="w: shares memory in the model"):
        load_model(holder(w=torch.zeros(9).as_strided((4, 3), (1, 1))), path)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", ["sparse", "hybrid", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"])
def test_sparse_parameters_survive(path: Path, layout: str):
    dense = torch.zeros(8, 6)
    dense[:2, :3] = torch.randn(2, 3)

    def model(values: torch.Tensor) -> nn.Module:
        module = nn.Module()
        options = {"hybrid": (1,), "sparse_bsr": ((2, 2),), "sparse_bsc": ((2, 2),)}.get(layout, ())
        module.w = nn.Parameter(getattr(values, f"to_{layout.replace('hybrid', 'sparse')}")(*options))
        return module

    save_model(model(dense), path)
    other = model(torch.eye(8, 6))
    parameter, kind = other.w, other.w.layout
    load_model(other, path)
    assert other.w is parameter
    assert other.w.layout == kind
    assert torch.equal(other.w.to_dense(), dense)
    assert other.w.requires_grad


def test_values_that_the_model_cannot_represent_are_refused(path: Path):
    save_file({"weight": torch.full((2, 2), 1e5), "bias": torch.zeros(2)}, path)
    model = nn.Linear(2, 2).half()
    before = model.weight.clone()
    with pytest.raises(
        MismatchError, match=r"weight: values up to 1e\+05 exceed the range of torch.float16, the type in the"
    ):
        load_model(model, path)
    assert torch.equal(model.weight, before)
    load_model(nn.Linear(2, 2).bfloat16(), path)
    save_file({"weight": torch.full((2, 2), torch.inf), "bias": torch.zeros(2)}, path)
    load_model(model, path)  # infinity stays infinity
    save_file({"weight": torch.full((2, 2), 1e300, dtype=torch.float64), "bias": torch.zeros(2)}, path)
    with pytest.raises(MismatchError, match=r"exceed the range of torch.float32"):
        load_model(nn.Linear(2, 2), path)


def test_values_that_vanish_in_the_model_are_reported(path: Path):
    save_file({"weight": torch.full((2, 2), 1e-50, dtype=torch.float64), "bias": torch.zeros(2)}, path)
    with pytest.warns(UserWarning, match="weight: values up to 1e-50 become zeros in torch.float32"):
        load_model(nn.Linear(2, 2), path)
    load_model(nn.Linear(2, 2).double(), path)


def test_coefficients_that_the_model_cannot_represent_are_refused(path: Path):
    save_file({"weight": Spectrum.of(torch.full((512, 512), 200.0).numpy(), 9), "bias": torch.zeros(512)}, path)
    model = regularize(nn.Linear(512, 512).half(), 9, trained=True)
    with pytest.raises(MismatchError, match=r"weight: values up to 1.02e\+05 exceed the range of torch.float16"):
        load_model(model, path)
    plain = nn.Linear(512, 512).half()
    load_model(plain, path)
    assert (plain.weight == 200).all()


class Extra(nn.Linear):
    """A layer with a tensor as its extra state."""

    version = 0

    def get_extra_state(self) -> torch.Tensor:
        return torch.tensor([self.version])

    def set_extra_state(self, state: torch.Tensor) -> None:
        self.version = int(state)


def test_extra_state_that_is_a_tensor_is_loaded(path: Path):
    model, other = (nn.Sequential(Extra(2, 2)) for _ in range(2))
    model[0].version = 7
    save_model(model, path)
    assert load_model(other, path) == ([], [])
    assert other[0].version == 7


def test_extra_state_is_loaded_where_there_was_none(path: Path):
    model, other = Extra(2, 2), Later(2, 2)
    model.version = 7
    save_model(model, path)
    assert load_model(other, path) == ([], [])
    assert other.version == 7


def test_absent_extra_state_is_neither_stored_nor_missed(path: Path):
    model, other = Later(2, 2), Later(2, 2)
    save_model(model, path)
    assert list(load_file(path)) == ["weight", "bias"]
    assert load_model(other, path) == ([], [])
    assert other.version is None


def test_every_module_receives_an_extra_state_that_all_share(path: Path):
    models = [nn.Sequential(Shared(2, 2), Shared(2, 2)) for _ in range(2)]
    save_model(models[0], path)
    assert load_model(models[1], path) == ([], [])
    assert [module.received for module in models[1]] == [3, 3]


class Later(Extra):
    """Has no extra state until it receives one."""

    version = None

    def get_extra_state(self):
        return None if self.version is None else super().get_extra_state()


class Shared(Extra):
    """Has an extra state: a tensor that all instances share."""

    state = torch.tensor([3])
    received = 0

    def get_extra_state(self):
        return self.state

    def set_extra_state(self, state):
        self.received = int(state)


class Dicts(Extra):
    def get_extra_state(self):
        return {"version": 1}


def test_extra_state_of_another_kind_is_refused(path: Path):
    save_model(Extra(2, 2), path)
    with pytest.raises(MismatchError, match="_extra_state: a tensor in the file, but of type dict in the model"):
        load_model(Dicts(2, 2), path)


class Memory(nn.Module):
    """Has a buffer that is not stored, and a recurrent layer, which keeps a list of its weights."""

    def __init__(self, kept: bool = True) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("scale", torch.full((4,), 2.0), persistent=kept)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.rnn(x)[0].flatten(0, 1)) * self.scale


def test_models_on_the_meta_device_receive_tensors(path: Path):
    model = Memory().eval()
    save_model(model, path)
    with torch.device("meta"):
        skeleton = Memory().eval()
    skeleton.rnn.weight_hh_l0.requires_grad_(False)
    assert load_model(skeleton, path, assign=True) == ([], [])
    x = torch.randn(5, 2, 3)
    assert torch.equal(skeleton(x), model(x))
    assert not skeleton.rnn.weight_hh_l0.requires_grad
    assert skeleton.norm.weight.requires_grad


def test_the_device_and_dtype_of_assigned_tensors_can_be_chosen(path: Path):
    save_model(Memory(), path)
    model = Memory()
    load_model(model, path, assign=True, dtype=torch.float64, device="cpu")
    kinds = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    assert kinds.pop("norm.num_batches_tracked") == torch.int64
    assert set(kinds.values()) == {torch.float64}
    with pytest.raises(ValueError, match="device and dtype need assign=True"):
        load_model(model, path, dtype=torch.float16)


def test_tied_tensors_stay_tied_when_assigned(path: Path):
    save_model(Tied(), path)
    model = Tied()
    load_model(model, path, assign=True)
    assert model.head.weight is model.embedding.weight


def test_unstored_buffers_must_exist(path: Path):
    model = Memory(kept=False)
    save_model(model, path)
    with torch.device("meta"):
        skeleton = Memory(kept=False)
    with pytest.raises(
        MismatchError, match="scale: on the meta device and not in any file; create these buffers on the"
    ):
        load_model(skeleton, path, assign=True)


def test_regularized_models_accept_coefficients_of_any_type(path: Path):
    model = regularize(Net(), 20)
    save_model(model, path)
    other = regularize(Net(), 9)
    load_model(other, path, assign=True, dtype=torch.float64)
    assert other.fc1.parametrizations.weight.original.dtype == torch.float64
    torch.testing.assert_close(other.fc1.weight, model.fc1.weight.double(), atol=1e-6, rtol=0)
    other = regularize(Net(), 9).to("meta")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(other, path, assign=True)
    torch.testing.assert_close(other.fc1.weight, model.fc1.weight)


class Strided(nn.Module):
    """Arranges the elements of a weight, which is not contiguous, anew."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3, 4).t(), False)
        self.layer = nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[:, :3] @ self.weight.as_strided((3, 4), (4, 1))


@pytest.mark.parametrize("assign", [False, True])
def test_weights_keep_their_strides(assign: bool, path: Path):
    model, other, x = Strided().eval(), Strided().eval(), torch.rand(2, 64)
    save_model(model, path)
    load_model(other, path, assign=assign)
    assert torch.equal(other(x), model(x))
    made = factorize(Strided().eval(), x, path)
    assert torch.equal(made(x), model(x))
    assert made.weight.stride() == model.weight.stride() == (1, 4)
