"""Wrapped models are saved and loaded as the plain models inside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import distributed, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

import frformat
from frformat.torch import MismatchError, load_model, regularize, save_file, save_model
from frformat.torch.regularization import make_tiers
from frformat.torch.wrappers import unwrapped
from tests.torch.regularization.models import Net

NAMES = list(Net().state_dict())


@pytest.fixture(scope="module", autouse=True)
def process_group(tmp_path_factory: pytest.TempPathFactory):
    store = tmp_path_factory.mktemp("store") / "store"
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def inside(wrap: Callable[[nn.Module], nn.Module]) -> Callable[[nn.Module], nn.Module]:
    """Return a function that wraps one layer of a model."""

    def wrapped(model: nn.Module) -> nn.Module:
        model.fc1 = wrap(model.fc1)
        return model

    return wrapped


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compile": torch.compile,
    "parallel": nn.DataParallel,
    "distributed": nn.parallel.DistributedDataParallel,
    "average": AveragedModel,
    "checkpoint": checkpoint_wrapper,
    "parallel twice": lambda model: nn.DataParallel(nn.DataParallel(model)),
    "compiled parallel": lambda model: torch.compile(nn.parallel.DistributedDataParallel(model)),
    "parallel compiled": lambda model: nn.DataParallel(torch.compile(model)),
    "average of compiled": lambda model: AveragedModel(torch.compile(model)),
    "compiled layer": inside(torch.compile),
    "parallel layer": inside(nn.DataParallel),
    "checkpointed layer": inside(checkpoint_wrapper),
    "compiled, compiled layer": lambda model: torch.compile(inside(torch.compile)(model)),
}


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrapped_models_are_saved_under_plain_names(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]):
    model = Net()
    expected = weights(model)
    save_model(wrap(model), tmp_path / "model.frz")
    plain = Net()
    assert load_model(plain, tmp_path / "model.frz") == ([], [])
    assert all(torch.equal(plain.state_dict()[name], expected[name]) for name in NAMES)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_plain_files_are_loaded_into_wrapped_models(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]):
    plain, model = Net(), wrap(Net())
    save_model(plain, tmp_path / "model.frz")
    assert load_model(model, tmp_path / "model.frz") == ([], [])
    found = dict(zip(NAMES, unwrapped(model).state_dict().values(), strict=True))
    assert all(torch.equal(found[name], tensor) for name, tensor in plain.state_dict().items())


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_names_that_wrappers_left_in_a_file_make_no_difference(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]):
    model, path = Net(), tmp_path / "model.frz"
    expected = weights(model)
    state = dict(wrap(model).state_dict())
    frformat.save_file({name: tensor.numpy() for name, tensor in state.items()}, path)
    plain = Net()
    if list(state) == NAMES:
        load_model(plain, path)
    else:
        with pytest.warns(UserWarning, match="read without the prefixes of wrappers"):
            load_model(plain, path)
    assert all(torch.equal(plain.state_dict()[name], expected[name]) for name in NAMES)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrapped_regularized_models_are_saved_as_spectra(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]):
    model = regularize(Net(), 20, rules=["fc1.weight: keep=20 format=q8"])
    make_tiers(model, [5])
    expected = {name: getattr(model, name).weight.detach().clone() for name in ("conv", "fc1", "fc2")}
    path = tmp_path / "model.frz"
    save_model(wrap(model), path)
    with frformat.open(path) as file:
        assert {name for name in file if file.info(name).spectral} == {f"{name}.weight" for name in expected}
        assert file.info("fc1.weight").kept == (5, 20)
        assert file.info("fc1.weight").step is not None
    again = wrap(regularize(Net(), 20))
    load_model(again, path)
    save_model(again, tmp_path / "again.frz")
    plain = Net()
    load_model(plain, tmp_path / "again.frz")
    for name, weight in expected.items():
        torch.testing.assert_close(getattr(plain, name).weight.detach(), weight, atol=1e-5, rtol=0)


def test_parallel_models_refuse_other_lengths(tmp_path: Path):
    save_model(regularize(Net(), 20), tmp_path / "model.frz")
    model = nn.parallel.DistributedDataParallel(regularize(Net(), 9))
    with pytest.raises(MismatchError, match=r"20 coefficients in the file, 9 in the model; under .* its \.module"):
        load_model(model, tmp_path / "model.frz")
    load_model(model.module, tmp_path / "model.frz")


class Module(nn.Module):
    """A model that itself has a submodule with the name that wrappers use."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(2, 2)


def test_submodules_called_module_are_not_wrappers(tmp_path: Path):
    save_model(Module(), tmp_path / "model.frz")
    with frformat.open(tmp_path / "model.frz") as file:
        assert list(file) == ["module.weight", "module.bias"]
    assert load_model(nn.DataParallel(Module()), tmp_path / "model.frz") == ([], [])


def test_a_loaded_average_counts_as_the_first_update(tmp_path: Path):
    model = nn.Linear(2, 2)
    save_model(model, tmp_path / "model.frz")
    average, other = AveragedModel(nn.Linear(2, 2)), nn.Linear(2, 2)
    load_model(average, tmp_path / "model.frz")
    average.update_parameters(other)
    torch.testing.assert_close(average.module.weight, (model.weight + other.weight) / 2)


def test_ambiguous_names_are_not_guessed(tmp_path: Path):
    model = nn.ModuleDict({"a": Module(), "module": nn.ModuleDict({"a": nn.Linear(2, 2)})})
    save_file({"a.weight": torch.ones(2, 2)}, tmp_path / "model.frz")
    difference = load_model(model, tmp_path / "model.frz", strict=False)
    assert difference.unexpected == ["a.weight"]
