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
from frformat.torch import (
    MismatchError,
    compress,
    decompose,
    factorize,
    load_model,
    load_nested,
    load_quantized,
    recompose,
    regularize,
    save_file,
    save_model,
    set_tier,
    unregularize,
)
from frformat.torch.nesting import make_nested
from frformat.torch.regularization import make_tiers
from frformat.torch.wrappers import unwrapped
from tests.torch.nesting.networks import GROUPS, WIDTHS, digits, images
from tests.torch.regularization.models import Net, net_input

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


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrapped_models_are_factored(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module], fuse: bool):
    model, x = regularize(Net(), 20, trained=True).eval(), net_input()
    save_model(model, tmp_path / "model.frz")
    found = factorize(wrap(Net()), x, tmp_path / "model.frz", fuse=fuse, prefer="memory")
    with torch.no_grad():
        torch.testing.assert_close(found(x), model(x))


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrapped_models_are_compressed(wrap: Callable[[nn.Module], nn.Module]):
    torch.manual_seed(0)
    plain, other = Net().eval(), Net().eval()
    other.load_state_dict(plain.state_dict())
    batches = [net_input()]
    assert compress(wrap(other), None, batches).data == compress(plain, None, batches).data


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
def test_nested_files_are_loaded_into_wrapped_models(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]):
    model = make_nested(digits(), GROUPS, WIDTHS)
    save_model(model, tmp_path / "model.frz")
    wrapped = wrap(digits())
    load_nested(wrapped, tmp_path / "model.frz")
    for tier in range(3):
        set_tier(model, tier)
        set_tier(wrapped, tier)
        x = images()
        torch.testing.assert_close(wrapped(x), model(x))


def test_distributed_models_keep_their_parameters(tmp_path: Path):
    path, plain = tmp_path / "model.frz", digits()
    save_model(plain, path)
    compress(plain, tmp_path / "small.frz")
    save_model(make_nested(digits(), GROUPS, WIDTHS), tmp_path / "nested.frz")
    changes: list[tuple[nn.Module, Callable[[nn.Module], object]]] = [
        (digits(), regularize),
        (regularize(digits()), unregularize),
        (digits(), lambda model: decompose(model, 0.3)),
        (decompose(digits(), 0.3), recompose),
        (digits(), lambda model: load_model(model, path, assign=True)),
        (digits(), lambda model: load_quantized(model, tmp_path / "small.frz")),
        (load_quantized(digits(), tmp_path / "small.frz"), unregularize),
        (digits(), lambda model: load_nested(model, tmp_path / "nested.frz")),
        (digits(), lambda model: make_nested(model, {}, [])),
    ]
    for model, change in changes:
        wrapped = nn.parallel.DistributedDataParallel(model)
        before = [(id(parameter), parameter.detach().clone()) for parameter in wrapped.parameters()]
        with pytest.raises(ValueError, match=r"DistributedDataParallel cannot exchange its parameters: .*\.module"):
            change(wrapped)
        for (own, value), parameter in zip(before, wrapped.parameters(), strict=True):
            assert own == id(parameter)
            assert torch.equal(value, parameter)


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
