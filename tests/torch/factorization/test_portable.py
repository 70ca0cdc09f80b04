"""Fused models as TorchScript, for the lite interpreter, and through ``torch.export``."""

from __future__ import annotations

import copy
import io
import warnings

import pytest
import torch
from torch import nn
from torch.export import Dim
from torch.jit.mobile import _load_for_lite_interpreter

from frformat.runtimes import export
from frformat.spectral import dct
from frformat.torch import factorize, regularize, unregularize
from frformat.torch.factorization import portable
from frformat.torch.lowrank import algebra
from frformat.torch.lowrank.algebra import cosines
from frformat.train.models import UNet
from tests.sums import assert_same, network_slack


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return regularize(UNet(width=16).eval(), 33, factored=False)


@pytest.fixture(scope="module")
def fused(model):
    return factorize(model, torch.rand(1, 3, 64, 64))


def test_bases_are_computed_and_only_coefficients_are_kept(model, fused):
    made = portable(fused)
    x = torch.rand(1, 3, 50, 61)
    with torch.no_grad():
        assert_same(made(x), fused(x), network_slack(model, x))
    assert set(made.state_dict()) == set(fused.state_dict())
    assert not any("table" in name or "into" in name for name, _ in made.named_buffers())


def test_state_that_inference_does_not_need_is_kept(tmp_path):
    model = nn.Sequential(nn.Conv2d(64, 256, 3), nn.BatchNorm2d(256), nn.ReLU(), nn.Conv2d(256, 64, 3)).eval()
    fused = factorize(regularize(model, 33, factored=False), torch.rand(1, 64, 32, 32))
    assert "1.num_batches_tracked" in fused.state_dict()
    made = portable(fused)
    assert set(made.state_dict()) == set(fused.state_dict())
    assert "1.num_batches_tracked" in export(made, tmp_path / "model.ptl").tensors


@pytest.mark.parametrize(("n", "r"), [(1, 1), (7, 7), (64, 5)])
def test_cosines(n, r):
    torch.testing.assert_close(cosines(n, r, True), torch.from_numpy(dct.basis(n, r)), rtol=0, atol=1e-14)
    assert cosines(n, r, False).dtype == torch.float32


def test_the_lite_interpreter_takes_coefficients_by_name(model, fused, tmp_path):
    written = export(portable(fused), tmp_path / "model.ptl")
    assert written.release is not None
    assert written.bytes < 16_000
    assert set(written.coefficients) < set(written.tensors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = _load_for_lite_interpreter(io.BytesIO((tmp_path / "model.ptl").read_bytes()))
    x = torch.rand(1, 3, 50, 61)
    with pytest.raises(torch.jit.Error, match="has no weights yet"):
        module(x)
    module.run_method("load_weights", {name: tensor.clone() for name, tensor in fused.state_dict().items()})
    with torch.no_grad():
        assert_same(module(x), fused(x), network_slack(model, x))


def test_layers_that_run_only_in_python_are_named():
    model = nn.Sequential(nn.Conv2d(64, 256, 3), nn.Conv2d(256, 256, 3, groups=2), nn.Conv2d(256, 64, 3)).eval()
    factored = factorize(regularize(model, 33, factored=False), torch.rand(1, 64, 32, 32))
    with pytest.raises(ValueError, match=r"^1 cannot be exported to run on coefficients: convolutions with groups"):
        portable(factored)


def test_torch_export(model, fused):
    x = torch.rand(1, 3, 32, 48)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(fused, (x,)).module()
        assert_same(exported(x), fused(x), network_slack(model, x))


def exported(model, x):
    return torch.export.export(model, (x,), dynamic_shapes=({2: Dim.AUTO, 3: Dim.AUTO},), strict=False).module()


RECORDERS = {
    "export": exported,
    "export, portable": lambda fused, x: exported(portable(fused), x),
    "trace": lambda fused, x: torch.jit.trace(fused, (x,), check_trace=False),
    "trace, portable": lambda fused, x: torch.jit.trace(portable(fused), (x,), check_trace=False),
    "script": lambda fused, x: torch.jit.script(portable(fused)),
    "compile": lambda fused, x: torch.compile(fused, backend="aot_eager", dynamic=True, fullgraph=True),
}


@pytest.fixture(scope="module")
def results(model):
    """Return inputs of several sizes, each with the output of the plain model and the slack of others."""
    assert 32 * 48 < algebra.CHUNK < 200 * 208  # the last one has more pixels than are summed at a time
    plain = unregularize(copy.deepcopy(model))
    inputs = [torch.rand(1, 3, *size) for size in ((32, 48), (32, 32), (200, 208))]
    with torch.no_grad():
        return [(x, plain(x), network_slack(model, x)) for x in inputs]


@pytest.mark.parametrize("record", RECORDERS.values(), ids=RECORDERS)
def test_graphs_recorded_at_one_size_are_correct_at_others(fused, results, record):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recorded = record(fused, torch.rand(1, 3, 32, 48))
        for x, expected, slack in results:
            assert_same(recorded(x), expected, slack)


def test_models_that_are_not_fused_are_refused():
    with pytest.raises(ValueError, match="is not fused"):
        portable(nn.Linear(2, 2))
