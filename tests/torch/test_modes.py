"""Results do not depend on the modes that the caller has turned on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from frformat.torch import (
    MismatchError,
    compress,
    decompose,
    factorize,
    factorize_tiers,
    load_model,
    load_nested,
    load_quantized,
    recompose,
    regularize,
    save_model,
    unregularize,
)
from frformat.torch.nesting import filter_groups, make_nested
from frformat.torch.regularization import make_tiers

MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "another default device": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "inference mode": torch.inference_mode,
}

IMAGES = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 10)
    ).eval()


def state(model: nn.Module) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in model.state_dict().values()]


def compressed(model: nn.Module, path: Path) -> Any:
    found = compress(model, path, IMAGES.split(16))
    return found.data, found.point.loss


def measured(model: nn.Module, path: Path) -> Any:
    return compress(model, path, IMAGES.split(16), max_drop=5).point


def regularized(model: nn.Module, path: Path) -> Any:
    regularize(model, keep=30)
    save_model(model, path)
    return path.read_bytes(), state(unregularize(model))


def tiered(model: nn.Module, path: Path) -> Any:
    make_tiers(regularize(model, keep=30), [10, 30])
    save_model(model, path)
    return path.read_bytes()


def decomposed(model: nn.Module, path: Path) -> Any:
    return state(decompose(model, parameters=900))


def loaded(model: nn.Module, path: Path) -> Any:
    save_model(model, path)
    other = nn.Sequential(*model)
    load_model(other, path)
    return path.read_bytes(), state(other)


def groups(model: nn.Module, path: Path) -> Any:
    return filter_groups(model, IMAGES[:1])


def assigned(model: nn.Module, path: Path) -> nn.Module:
    load_model(model, path, assign=True)
    return model


def factored(model: nn.Module, path: Path) -> nn.Module:
    return factorize(model, IMAGES[:1], path, prefer="memory")


def factored_tiers(model: nn.Module, path: Path) -> nn.Module:
    return factorize_tiers(model, IMAGES[:1], path, prefer="memory")


def same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, Tensor) else bool(one == other)


@pytest.mark.parametrize("function", [compressed, measured, regularized, tiered, decomposed, loaded, groups])
@pytest.mark.parametrize("mode", MODES)
def test_modes_of_the_caller_change_nothing(mode: str, function: Callable[[nn.Module, Path], Any], tmp_path: Path):
    expected = function(network(), tmp_path / "plain.frz")
    model = network()
    with MODES[mode]():
        found = function(model, tmp_path / "other.frz")
    assert same(found, expected)


def test_models_keep_the_default_device_while_they_run():
    class Where(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 3)

        def forward(self, x: Tensor) -> Tensor:
            assert torch.empty(1).device.type == "meta"
            found: Tensor = self.layer(x.flatten(1))
            return found

    def metric(model: nn.Module) -> float:
        assert torch.empty(1).device.type == "meta"
        return 1.0

    model = Where()
    with torch.device("meta"):
        assert compress(model, None, IMAGES.split(16), metric=metric, max_drop=1).metric == "metric"


@pytest.mark.parametrize("function", [assigned, factored, factored_tiers, load_quantized, load_nested])
def test_models_that_inference_mode_surrounds_run_outside_it(
    function: Callable[[nn.Module, Path], nn.Module], tmp_path: Path
):
    path, plain = tmp_path / "model.frz", network()
    if function is load_quantized:
        compress(plain, path)
    elif function is load_nested:
        save_model(make_nested(plain, filter_groups(plain, IMAGES[:1]), [{"0": 4}]), path)
    else:
        save_model(regularize(plain, 30, trained=True), path)
    model, expected = network(), function(network(), path)
    with torch.inference_mode():
        found = function(model, path)
    assert not any(tensor.is_inference() for tensor in (*found.parameters(), *found.buffers()))
    found.train()(IMAGES).sum().backward()
    expected.train()(IMAGES)
    assert torch.equal(found.eval()(IMAGES), expected.eval()(IMAGES))


def test_models_created_in_inference_mode_are_refused(tmp_path: Path):
    save_model(network(), tmp_path / "model.frz")
    with torch.inference_mode():
        model = network()
    before = state(model)
    for change in (regularize, lambda model: decompose(model, 0.3), lambda model: make_nested(model, {}, [])):
        with pytest.raises(ValueError, match=r"0\.weight was created in inference mode"):
            change(model)
    with pytest.raises(
        MismatchError, match=r"0\.weight: created in inference mode in the model; load the file in that"
    ):
        load_model(model, tmp_path / "model.frz")
    assert same(state(model), before)
    with torch.inference_mode():
        load_model(model, tmp_path / "model.frz")
    load_model(model, tmp_path / "model.frz", assign=True)
    model.train()(IMAGES).sum().backward()


def test_compiled_submodules_are_layers_like_others(tmp_path: Path):
    def backend(graph: Any, inputs: Any) -> Any:
        runs.append(graph)
        return graph

    runs: list[Any] = []
    plain, model = network(), network()
    model[3] = torch.compile(model[3], backend=backend)
    expected = compress(plain, None, IMAGES.split(16))
    found = compress(model, tmp_path / "model.frz", IMAGES.split(16))
    assert (found.point.loss, found.notes) == (expected.point.loss, expected.notes)
    assert not runs
    load_model(plain, tmp_path / "model.frz")
    before = network()(IMAGES)
    assert torch.allclose(unregularize(regularize(model))(IMAGES), before, atol=1e-5)
    decompose(model, parameters=900)
    changed = model(IMAGES)
    assert torch.allclose(recompose(model)(IMAGES), changed, atol=1e-5)
    assert not any(map(parametrize.is_parametrized, model.modules()))
    assert runs
