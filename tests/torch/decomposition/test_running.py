"""Decomposed models run on their factors, in PyTorch and in the runtimes, at every tier."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat.parity.lite import load
from frformat.runtimes import ExportError, export
from frformat.torch import (
    MismatchError,
    decompose,
    each_tier,
    factorize,
    factorize_tiers,
    load_model,
    regularize,
    save_model,
    set_tier,
    summary,
    tier_count,
)
from frformat.torch.costs import costs
from frformat.torch.lowrank.layers import CodedLayer
from frformat.torch.lowrank.tucker_layers import TuckerLayer
from frformat.torch.regularization import make_tiers
from frformat.train.models import ResNet20
from tests.torch.decomposition.models import Net

CASES = {"net": (Net, (64, 3, 8, 8)), "resnet20": (ResNet20, (2, 3, 32, 32))}
cases = pytest.mark.parametrize("case", CASES)


def close(a: Tensor, b: Tensor, share: float = 1e-5) -> bool:
    return float((a - b).abs().max()) <= share * float(b.abs().max())


def plain(case: str) -> tuple[nn.Module, Tensor]:
    make, shape = CASES[case]
    torch.manual_seed(0)
    return make().eval(), torch.randn(shape)


def decomposed(case: str) -> tuple[nn.Module, Tensor]:
    model, x = plain(case)
    return decompose(model, 0.3), x


def everywhere(model: nn.Module) -> list[TuckerLayer]:
    return [layer for layer in model.modules() if isinstance(layer, TuckerLayer)]


@cases
@torch.no_grad()
def test_a_factored_model_computes_the_same_outputs(case: str, tmp_path: Path) -> None:
    model, x = decomposed(case)
    expected, path = model(x), tmp_path / "model.frz"
    save_model(model, path)
    with torch.device("meta"):
        skeleton = CASES[case][0]()
    for factored in (
        factorize(model, x, prefer="memory"),
        factorize(skeleton, x, path, prefer="memory"),
        factorize(skeleton, x, path, prefer="memory", fuse=False),
        factorize(skeleton, x, path),
    ):
        assert everywhere(factored)
        assert close(factored(x), expected)
    with frformat.open(path) as file:
        expected_rows = {name.removesuffix(".weight") for name in file if file.info(name).factors}
    assert {row.name for row in summary(factored).layers} == expected_rows  # type: ignore[attr-defined]


@torch.no_grad()
def test_a_factored_model_is_saved_and_loaded_as_factors(tmp_path: Path) -> None:
    model, x = decomposed("net")
    save_model(model, tmp_path / "model.frz")
    factored = factorize(model, x, prefer="memory")
    save_model(factored, tmp_path / "again.frz")
    with frformat.open(tmp_path / "model.frz") as one, frformat.open(tmp_path / "again.frz") as other:
        names = [name for name in other if other.info(name).factors]
        assert len(names) == len(everywhere(factored)) > 2
        assert all((one.coefficients(name) == other.coefficients(name)).all() for name in names)
    for layer in everywhere(factored):
        layer.weight.zero_()
    load_model(factored, tmp_path / "model.frz")
    assert close(factored(x), model(x))
    save_model(decompose(Net(), 0.2), tmp_path / "other.frz")
    with pytest.raises(MismatchError, match=r"up\.weight: .* in a core with factors of .*, a core of .* in the file"):
        load_model(factored, tmp_path / "other.frz")


def test_layers_can_be_trained_further() -> None:
    model, x = decomposed("net")
    factored = factorize(model, x, prefer="memory", fuse=False)
    factored(x).square().sum().backward()
    assert all(layer.weight.grad is not None for layer in everywhere(factored))


@torch.no_grad()
def test_spectra_and_factors_in_one_model(tmp_path: Path) -> None:
    model, x = plain("net")
    decompose(model, {"hidden.weight": 6, "up.weight": (6, 4)})
    regularize(model, rules=["strided.weight: keep=40", "*: raw"])
    expected = model(x)
    save_model(model, tmp_path / "model.frz")
    for fuse in (True, False):
        factored = factorize(Net(), x, tmp_path / "model.frz", prefer="memory", fuse=fuse)
        assert len([layer for layer in factored.modules() if isinstance(layer, CodedLayer)]) == 3
        assert close(factored(x), expected)
    written = export(Net(), tmp_path / "model.ptl", factored=True, example=x, weights=tmp_path / "model.frz")
    assert "hidden.weight" in written.coefficients
    assert close(load(tmp_path / "model.ptl", tmp_path / "model.frz", {})(x), expected)


@pytest.mark.parametrize("runtime", ["ptl", "onnx"])
@pytest.mark.parametrize("factored", [False, True])
@torch.no_grad()
def test_runtimes_compute_the_same_outputs(runtime: str, factored: bool, tmp_path: Path) -> None:
    model, x = decomposed("net")
    weights, skeleton = tmp_path / "model.frz", tmp_path / f"model.{runtime}"
    save_model(model, weights)
    source = Net() if factored else model
    written = export(source, skeleton, factored=factored, example=x, weights=weights)
    assert bool(written.coefficients) == factored
    if runtime == "ptl":
        found = load(skeleton, weights, {})(x)
    else:
        session = pytest.importorskip("frformat.runtimes.onnxruntime").session(skeleton, weights)
        found = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
    assert close(found, model(x))


def tiered(case: str) -> tuple[nn.Module, Tensor]:
    model, x = decomposed(case)
    make_tiers(model, [0.3, 0.6])
    for tier in each_tier(model):
        model.train()(x + tier)  # different statistics for each tier
    return model.eval(), x


@cases
@torch.no_grad()
def test_tiers_nest_and_each_is_what_readers_decode(case: str, tmp_path: Path) -> None:
    untiered, x = decomposed(case)
    before = untiered(x)
    make_tiers(untiered, [0.3, 0.6])
    assert close(untiered(x), before)
    model, x = tiered(case)
    path = tmp_path / "model.frz"
    save_model(model, path)
    work = []
    factored = factorize_tiers(CASES[case][0](), x, path, prefer="memory")
    for tier in each_tier(model):
        reader = CASES[case][0]().eval()
        load_model(reader, path, tier=tier)
        expected = model(x)
        assert close(reader(x), expected)
        set_tier(factored, tier)
        assert close(factored(x), expected)
        assert close(factorize(model, x, prefer="memory")(x), expected)
        work.append((costs(model, x).numbers, costs(model, x).multiply_adds))
    assert work == sorted(work)
    assert work[0][0] < work[2][0] / 2
    again, _ = decomposed(case)
    load_model(again, path)
    assert tier_count(again) == 3
    for tier in range(3):
        set_tier(again, tier)
        set_tier(model, tier)
        assert close(again(x), model(x))


@torch.no_grad()
def test_smaller_tiers_are_smaller_decompositions() -> None:
    """After training, the first columns still have the most energy."""
    model, _ = decomposed("net")
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.05)
    weight = model.up.weight.clone()
    energies = []
    for ordered in (False, True):
        cut = copy.deepcopy(model)
        make_tiers(cut, [0.5])
        if not ordered:
            cut.up.parametrizations.weight.load_state_dict(model.up.parametrizations.weight.state_dict())
        set_tier(cut, 0)
        energies.append(float((cut.up.weight - weight).norm()))
    assert energies[1] < energies[0]


def test_a_skeleton_expects_its_tier(tmp_path: Path) -> None:
    model, x = tiered("net")
    weights, skeleton = tmp_path / "model.frz", tmp_path / "model.onnx"
    save_model(model, weights)
    export(Net(), skeleton, factored=True, example=x, weights=weights, tier=0)
    sessions = pytest.importorskip("frformat.runtimes.onnxruntime")
    set_tier(model, 0)
    session = sessions.session(skeleton, weights, tier=0)
    found = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
    assert close(found, model(x).detach())
    with pytest.raises(Exception, match=r"a core of .* in the file, a core of .* in the model; choose its tier"):
        sessions.session(skeleton, weights)


def test_layers_without_a_factored_form_are_reported(tmp_path: Path) -> None:
    model, x = plain("net")
    save_model(model, tmp_path / "model.frz")
    with pytest.raises(ExportError, match="the file contains no coefficients of its layers"):
        export(model, tmp_path / "model.ptl", factored=True, example=x, weights=tmp_path / "model.frz")
    with pytest.raises(ValueError, match=r"call regularize\(\) or decompose\(\)"):
        factorize(model, x)
