"""Files, models and options with which compressed weights cannot be fine-tuned."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import CodedTensor, FrzError, Spectrum, checkpoints
from frformat.encoding import encode
from frformat.errors import EncodeError
from frformat.torch import (
    MismatchError,
    compress,
    decompose,
    load_model,
    load_quantized,
    regularize,
    save_file,
    save_model,
)
from frformat.torch.nesting import make_nested
from frformat.torch.quantized import quantized_tensors
from tests.torch.finetuning.networks import Net

RNG = np.random.default_rng(0)


def test_files_without_quantized_weights(tmp_path: Path):
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


def test_files_with_tiers(tmp_path: Path):
    spectrum = Spectrum.of(RNG.standard_normal((6, 5)).astype(np.float32), 9)
    frformat.save_file({"weight": spectrum, "bias": np.ones(6, np.float32)}, tmp_path / "a.frz", tiers=[3])
    with pytest.raises(ValueError, match="has 2 tiers"):
        load_quantized(nn.Linear(5, 6), tmp_path / "a.frz")


def test_other_networks_and_damaged_files(small: Path, tmp_path: Path):
    with pytest.raises(MismatchError):
        load_quantized(nn.Linear(5, 6), small)
    (tmp_path / "short.frz").write_bytes(small.read_bytes()[:-9])
    with pytest.raises(FrzError):
        load_quantized(Net(), tmp_path / "short.frz")


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_models_that_cannot_be_changed(small: Path):
    with pytest.raises(ValueError, match="TorchScript"):
        load_quantized(torch.jit.script(Net()), small)


def test_loading_into_a_quantized_model(small: Path):
    tuned = load_quantized(Net(), small)
    for load in (load_model, load_quantized):
        with pytest.raises(MismatchError, match="quantized in the model; load the file into a new model"):
            load(tuned, small)


@pytest.mark.parametrize("write", ["encode", "save_file"])
def test_its_state_dict_does_not_describe_the_weights(write: str, small: Path, tmp_path: Path):
    def encoded(state: dict[str, Tensor], path: Path) -> None:
        torch.save(state, path)
        with checkpoints.load(path) as source:
            encode(source, path.with_suffix(".frz"))

    state = load_quantized(Net(), small).state_dict()
    with pytest.raises(EncodeError, match=r"conv1\.weight: it is quantized; write the model with .*save_model"):
        {"encode": encoded, "save_file": save_file}[write](state, tmp_path / "a.pt")


def test_other_ways_to_change_a_quantized_model_are_refused(small: Path, images: Tensor, tmp_path: Path):
    with pytest.raises(ValueError, match=r"conv1\.weight is quantized already: write the model with save_model"):
        compress(load_quantized(Net(), small), tmp_path / "a.frz", [images])
    with pytest.raises(ValueError, match=r"conv1\.weight is not a plain weight; start with recompose"):
        make_nested(load_quantized(Net(), small), {}, [{}])
    with pytest.raises(ValueError, match=r"conv1\.weight is on the meta device: call model\.to_empty"):
        load_quantized(Net().to("meta"), small)


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
