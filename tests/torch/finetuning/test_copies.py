"""Copies, averages, wrappers and other forms of a model that is fine-tuned."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

import frformat
from frformat import CodedTensor
from frformat.torch import (
    fit_quantized,
    load_file,
    load_model,
    load_quantized,
    recompose,
    save_model,
    set_softness,
    unregularize,
)
from frformat.torch.quantized import quantized_tensors
from tests.torch.finetuning.networks import Language, Net, descend, forms

pytestmark = pytest.mark.filterwarnings("ignore:fit_quantized")  # most sizes here are much smaller

RNG = np.random.default_rng(0)


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


def test_a_state_dict_restores_an_empty_model(small: Path, images: Tensor):
    tuned = load_quantized(Net(), small, batches=images.split(16))
    descend(tuned, images)
    set_softness(tuned, 0.5)
    state = copy.deepcopy(tuned.state_dict())
    again = copy.deepcopy(tuned).to("meta").to_empty(device="cpu")
    for tensor in (*again.parameters(), *again.buffers()):
        tensor.data.fill_(3)
    again.load_state_dict(state)
    for mode in (True, False):
        assert torch.equal(again.train(mode)(images), tuned.train(mode)(images))


def test_frozen_tensors_with_repeated_elements_are_saved(tmp_path: Path):
    def network() -> nn.Module:
        layer = nn.Linear(5, 6)
        layer.scale = nn.Parameter(torch.ones(1).expand(5))
        return layer

    weight = CodedTensor.of_array(np.arange(30, dtype=np.float32).reshape(6, 5), "q6")
    ones = CodedTensor.of_array(np.ones(5, np.float32), "f16")
    frformat.save_file({"weight": weight, "bias": np.ones(6, np.float32), "scale": ones}, tmp_path / "a.frz")
    save_model(load_quantized(network(), tmp_path / "a.frz"), tmp_path / "b.frz")
    assert torch.equal(load_file(tmp_path / "b.frz")["scale"], torch.ones(5))
