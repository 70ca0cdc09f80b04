"""Fine-tuning a compressed file keeps the form in which it stores the weights, and its size."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

import frformat
from frformat import Axis, CodedTensor, FrzError, Spectrum, checkpoints
from frformat.encoding import encode
from frformat.errors import EncodeError
from frformat.torch import (
    MismatchError,
    compress,
    decompose,
    finetuning,
    fit_quantized,
    load_file,
    load_model,
    load_quantized,
    recompose,
    regularize,
    save_file,
    save_model,
    unregularize,
)
from frformat.torch.nesting import make_nested
from frformat.torch.quantized import quantized_tensors
from frformat.torch.regularization.file_size import encoded_size

pytestmark = pytest.mark.filterwarnings("ignore:fit_quantized")  # most sizes here are much smaller

RNG = np.random.default_rng(0)


class Net(nn.Module):
    """Has convolutions, batch normalization, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv1(x)).relu()
        return self.head(self.conv2(x).relu().mean((2, 3)))


class Language(nn.Module):
    """Has an LSTM, and an embedding tied to the output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.lstm = nn.LSTM(12, 12, batch_first=True)
        self.head = nn.Linear(12, 20)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(x))[0])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(64, 2, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def small(tmp_path: Path, images: Tensor) -> Path:
    """A compressed file of a network."""
    torch.manual_seed(1)
    net = Net().train()
    for part in images.split(16):
        net(part)  # for the running statistics
    compress(net.eval(), tmp_path / "small.frz", images.split(16), size=2000)
    return tmp_path / "small.frz"


def descend(model: nn.Module, *inputs: Tensor, steps: int = 5, lr: float = 0.2) -> None:
    """Train a model to give other results. The learning rate is in quantization steps."""
    model.train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(*inputs) - 1).square().mean().backward()
        optimizer.step()


def zeros(path: Path) -> dict[str, np.ndarray]:
    with frformat.open(path) as file:
        return {name: file.stored(name).values == 0 for name in file if file.info(name).step is not None}


def forms(path: Path) -> dict[str, tuple]:
    """Return everything that determines how tensors are stored, except their values."""
    with frformat.open(path) as file:
        stored = {name: file.stored(name) for name in file}
    return {
        name: (
            form.shape,
            form.dtype,
            [axis.kind for axis in form.axes],
            form.step,
            form.value_type,
            {axis: found.tolist() for axis, found in form.offsets.items()},
        )
        for name, form in stored.items()
    }


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


class TestSize:
    def test_nothing_changes_if_the_file_fits(self, small: Path, images: Tensor):
        tuned = load_quantized(Net(), small)
        before = tuned(images)
        nbytes = fit_quantized(tuned, small.stat().st_size)
        assert nbytes <= small.stat().st_size
        assert torch.equal(tuned(images), before)

    def test_the_smallest_coefficients_are_removed_for_good(self, small: Path, images: Tensor, tmp_path: Path):
        tuned = load_quantized(Net(), small)
        for size in (1800, "1.5kB"):
            nbytes = fit_quantized(tuned, size)
            save_model(tuned, tmp_path / "tuned.frz")
            assert nbytes == (tmp_path / "tuned.frz").stat().st_size <= (1500 if size == "1.5kB" else size)
            assert nbytes > 0.9 * (1500 if size == "1.5kB" else 1800)
        removed = zeros(tmp_path / "tuned.frz")
        descend(tuned, images)
        save_model(tuned, tmp_path / "trained.frz")
        later = zeros(tmp_path / "trained.frz")
        assert all(later[name][removed[name]].all() for name in removed if removed[name].ndim > 1)

    def test_removing_many_coefficients_is_a_warning(self, small: Path):
        tuned = load_quantized(Net(), small)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit_quantized(tuned, small.stat().st_size - 20)
        with pytest.warns(UserWarning, match=r"has set \d+% of the coefficients to zero for a file of 1,500 bytes"):
            fit_quantized(tuned, 1500)

    def test_an_impossible_size_leaves_the_model_unchanged(self, small: Path, images: Tensor):
        tuned = load_quantized(Net(), small)
        before = tuned(images)
        with pytest.raises(ValueError, match=r"size=90: the file has .* bytes even if all matrices"):
            fit_quantized(tuned, 90)
        assert torch.equal(tuned(images), before)

    def test_plain_models_are_refused(self):
        with pytest.raises(ValueError, match="Net has no quantized weights: call load_quantized"):
            fit_quantized(Net(), 1000)


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("normalize", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
def test_weight_normalization_keeps_its_directions(normalize, tmp_path: Path):
    def network() -> nn.Sequential:
        return nn.Sequential(normalize(nn.Linear(4, 16)), nn.Linear(16, 64))

    torch.manual_seed(0)
    state = {
        name: CodedTensor.of_array(tensor.numpy(), "q4", axis=0) if tensor.dim() > 1 else tensor.numpy()
        for name, tensor in network().state_dict().items()
    }
    frformat.save_file(state, tmp_path / "a.frz")
    model = load_quantized(network(), tmp_path / "a.frz")
    fit_quantized(model, int(0.6 * (tmp_path / "a.frz").stat().st_size))
    descend(model, torch.ones(2, 4))
    save_model(model, tmp_path / "b.frz")
    assert all(np.isfinite(tensor).all() for tensor in frformat.load_file(tmp_path / "b.frz").values())
    assert model(torch.ones(2, 4)).isfinite().all()


class TestRefused:
    def test_files_without_quantized_weights(self, tmp_path: Path):
        net = Net()
        before = copy.deepcopy(net.state_dict())
        save_model(net, tmp_path / "exact.frz")
        with pytest.raises(ValueError, match="contains no quantized weights"):
            load_quantized(net, tmp_path / "exact.frz")
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
        spectrum = Spectrum.of(RNG.standard_normal((6, 5)).astype(np.float32), 9)
        frformat.save_file({"weight": spectrum, "bias": np.ones(6, np.float32)}, tmp_path / "spectral.frz", format="q8")
        with pytest.raises(ValueError, match="contains no quantized weights"):
            load_quantized(nn.Linear(5, 6), tmp_path / "spectral.frz")

    def test_files_with_tiers(self, tmp_path: Path):
        spectrum = Spectrum.of(RNG.standard_normal((6, 5)).astype(np.float32), 9)
        frformat.save_file({"weight": spectrum, "bias": np.ones(6, np.float32)}, tmp_path / "a.frz", tiers=[3])
        with pytest.raises(ValueError, match="has 2 tiers"):
            load_quantized(nn.Linear(5, 6), tmp_path / "a.frz")

    def test_other_networks_and_damaged_files(self, small: Path, tmp_path: Path):
        with pytest.raises(MismatchError):
            load_quantized(nn.Linear(5, 6), small)
        (tmp_path / "short.frz").write_bytes(small.read_bytes()[:-9])
        with pytest.raises(FrzError):
            load_quantized(Net(), tmp_path / "short.frz")

    @pytest.mark.filterwarnings("ignore:`torch.jit")
    def test_models_that_cannot_be_changed(self, small: Path):
        with pytest.raises(ValueError, match="TorchScript"):
            load_quantized(torch.jit.script(Net()), small)

    def test_loading_into_a_quantized_model(self, small: Path):
        tuned = load_quantized(Net(), small)
        for load in (load_model, load_quantized):
            with pytest.raises(MismatchError, match="quantized in the model; load the file into a new model"):
                load(tuned, small)

    @pytest.mark.parametrize("write", ["encode", "save_file"])
    def test_its_state_dict_does_not_describe_the_weights(self, write: str, small: Path, tmp_path: Path):
        def encoded(state: dict[str, Tensor], path: Path) -> None:
            torch.save(state, path)
            with checkpoints.load(path) as source:
                encode(source, path.with_suffix(".frz"))

        state = load_quantized(Net(), small).state_dict()
        with pytest.raises(EncodeError, match=r"conv1\.weight: it is quantized; write the model with .*save_model"):
            {"encode": encoded, "save_file": save_file}[write](state, tmp_path / "a.pt")


def test_copies_averages_and_state_dicts(small: Path, images: Tensor, tmp_path: Path):
    tuned = load_quantized(Net(), small)
    average = AveragedModel(tuned)
    descend(tuned, images)
    average.update_parameters(tuned)
    other = copy.deepcopy(tuned)
    assert torch.equal(other(images), tuned(images))
    fresh = load_quantized(Net(), small)
    fit_quantized(tuned, 1700)
    fresh.load_state_dict(tuned.state_dict())
    assert torch.equal(fresh(images), tuned(images))
    assert not torch.equal(other(images), tuned(images))
    save_model(average, tmp_path / "average.frz")
    assert set(load_file(tmp_path / "average.frz")) == set(load_file(small))


def test_half_precision_weights(tmp_path: Path):
    form = CodedTensor.of_array(RNG.standard_normal((6, 5)).astype(np.float16), "q6")
    frformat.save_file({"weight": form, "bias": np.ones(6, np.float16)}, tmp_path / "a.frz")
    layer = load_quantized(nn.Linear(5, 6).half(), tmp_path / "a.frz")
    assert layer.weight.dtype == torch.float16
    np.testing.assert_array_equal(layer.weight.detach(), form.rebuild())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.weight, torch.from_numpy(form.rebuild()))
    save_model(layer.float(), tmp_path / "b.frz")
    with frformat.open(tmp_path / "b.frz") as file:
        np.testing.assert_array_equal(file.stored("weight").values, form.values)


def test_wrapped_afterwards(small: Path, images: Tensor, tmp_path: Path):
    tuned = load_quantized(Net(), small)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        parallel = DistributedDataParallel(tuned)
        descend(parallel, images, steps=2)
        save_model(parallel, tmp_path / "tuned.frz")
        with pytest.raises(ValueError, match="DistributedDataParallel"):
            load_quantized(DistributedDataParallel(Net()), small)
    finally:
        torch.distributed.destroy_process_group()
    assert forms(tmp_path / "tuned.frz") == forms(small)


def test_other_ways_to_change_a_quantized_model_are_refused(small: Path, images: Tensor, tmp_path: Path):
    with pytest.raises(ValueError, match=r"conv1\.weight is quantized already: write the model with save_model"):
        compress(load_quantized(Net(), small), tmp_path / "a.frz", [images])
    with pytest.raises(ValueError, match=r"conv1\.weight is not a plain weight; start with recompose"):
        make_nested(load_quantized(Net(), small), {}, [{}])
    with pytest.raises(ValueError, match=r"conv1\.weight is on the meta device: call model\.to_empty"):
        load_quantized(Net().to("meta"), small)


def test_sharded_afterwards(small: Path, images: Tensor, tmp_path: Path):
    tuned = load_quantized(Net(), small)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        fully_shard(tuned, mesh=init_device_mesh("cpu", (1,)))
        descend(tuned, images, steps=2)
        assert fit_quantized(tuned, 1700) <= 1700
        outputs = tuned(images)
        save_model(tuned, tmp_path / "tuned.frz")
    finally:
        torch.distributed.destroy_process_group()
    plain = Net().eval()
    load_model(plain, tmp_path / "tuned.frz")
    torch.testing.assert_close(outputs, plain(images), atol=1e-5, rtol=1e-5)
    assert (tmp_path / "tuned.frz").stat().st_size <= 1700


def test_unregularize_restores_plain_weights(small: Path, images: Tensor, tmp_path: Path):
    tuned = load_quantized(Net(), small)
    descend(tuned, images)
    before = tuned.eval()(images).detach()
    plain = recompose(unregularize(copy.deepcopy(tuned)))
    assert not quantized_tensors(plain)
    assert set(plain.state_dict()) == set(Net().state_dict())
    assert torch.equal(plain(images), before)
    assert torch.equal(tuned(images), before)
    save_model(plain, tmp_path / "plain.frz")
    stored = load_file(tmp_path / "plain.frz")
    assert all(torch.equal(stored[name], tensor) for name, tensor in plain.state_dict().items())


def test_unregularize_keeps_ties(tmp_path: Path):
    forms_of = {name: CodedTensor.of_array(each.detach().numpy(), "q5") for name, each in Language().named_parameters()}
    frformat.save_file(forms_of, tmp_path / "a.frz", aliases={"head.weight": "embedding.weight"})
    model = unregularize(load_quantized(Language(), tmp_path / "a.frz"))
    assert model.head.weight is model.embedding.weight
    assert isinstance(model.head.weight, nn.Parameter)


@pytest.mark.parametrize("format", ["q8", {"conv1.weight": "f16"}])
def test_quantized_weights_have_no_other_format(format, small: Path, tmp_path: Path):
    with pytest.raises(EncodeError, match=r"conv1\.weight is quantized, with the steps of the file"):
        save_model(load_quantized(Net(), small), tmp_path / "a.frz", format=format)
    assert not (tmp_path / "a.frz").exists()


@pytest.mark.parametrize("tiers", [[0.5], {"conv1.weight": [20]}])
def test_quantized_weights_have_no_tiers(tiers, small: Path, tmp_path: Path):
    for model in (load_quantized(Net(), small), Net()):
        with pytest.raises(EncodeError, match=r"tiers .* apply to spectra"):
            save_model(model, tmp_path / "a.frz", tiers=tiers)


@pytest.mark.parametrize("change", [lambda net: regularize(net, 20), lambda net: decompose(net, 0.25)])
def test_only_plain_networks_are_quantized(change, small: Path):
    with pytest.raises(ValueError, match=r"is not a plain weight of Net: pass a new, plain network"):
        load_quantized(change(Net()), small)


@pytest.mark.parametrize(("dtype", "largest"), [(torch.bfloat16, 127), (torch.float16, 1023), (torch.float32, 1 << 21)])
def test_types_that_do_not_represent_the_integers_are_refused(dtype: torch.dtype, largest: int, tmp_path: Path):
    path = tmp_path / "a.frz"
    for most, step in ((largest, -100 - largest % 7), (4 * largest + 3, -87)):
        values = np.array([[most, 1 - most], [3, 0]], np.int32)
        frformat.save_file({"weight": CodedTensor(values, (2, 2), "f32", step=step)}, path)
        layer = nn.Linear(2, 2, bias=False).to(dtype)
        if most == largest:
            save_model(load_quantized(layer, path), tmp_path / "b.frz")
            with frformat.open(tmp_path / "b.frz") as file:
                assert np.array_equal(file.stored("weight").values, values)
        elif dtype != torch.float32:
            with pytest.raises(ValueError, match=rf"weight: {dtype} does not represent all values in the file"):
                load_quantized(layer, path)
            assert not quantized_tensors(layer)


def test_few_files_are_encoded_to_fit_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Linear(200, 200) for _ in range(3)))
    state = {name: CodedTensor.of_array(each.numpy(), "q6") for name, each in net.state_dict().items()}
    frformat.save_file(state, tmp_path / "a.frz")
    sizes: list[int] = []

    def counted(*args: Any) -> int:
        sizes.append(encoded_size(*args))
        return sizes[-1]

    monkeypatch.setattr(finetuning, "encoded_size", counted)
    whole = (tmp_path / "a.frz").stat().st_size
    for share in (0.95, 0.7, 0.4, 0.15):
        sizes.clear()
        size = int(share * whole)
        assert 0.997 * size <= fit_quantized(load_quantized(copy.deepcopy(net), tmp_path / "a.frz"), size) <= size
        assert len(sizes) <= 7
