"""``fit_quantized`` makes a fine-tuned model fit a file size."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import CodedTensor
from frformat.torch import finetuning, fit_quantized, load_quantized, save_model
from frformat.torch.regularization.file_size import encoded_size
from tests.torch.finetuning.networks import Net, descend, zeros

pytestmark = pytest.mark.filterwarnings("ignore:fit_quantized")  # most sizes here are much smaller


def test_nothing_changes_if_the_file_fits(small: Path, images: Tensor):
    tuned = load_quantized(Net(), small)
    before = tuned(images)
    nbytes = fit_quantized(tuned, small.stat().st_size)
    assert nbytes <= small.stat().st_size
    assert torch.equal(tuned(images), before)


def test_the_smallest_coefficients_are_removed_for_good(small: Path, images: Tensor, tmp_path: Path):
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


def test_removing_many_coefficients_is_a_warning(small: Path):
    tuned = load_quantized(Net(), small)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_quantized(tuned, small.stat().st_size - 20)
    with pytest.warns(UserWarning, match=r"has set \d+% of the coefficients to zero for a file of 1,500 bytes"):
        fit_quantized(tuned, 1500)


def test_an_impossible_size_leaves_the_model_unchanged(small: Path, images: Tensor):
    tuned = load_quantized(Net(), small)
    before = tuned(images)
    with pytest.raises(ValueError, match=r"size=90: the file has .* bytes even if all matrices"):
        fit_quantized(tuned, 90)
    assert torch.equal(tuned(images), before)


def test_plain_models_are_refused():
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
