"""Copies of models that ``copy.deepcopy`` does not copy."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from frformat.errors import EncodeError
from frformat.runtimes import export
from frformat.torch import compress, factorize, load_model, regularize, unregularize
from frformat.torch.copying import copied

X = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))


def normalized() -> nn.Module:
    """Return a network whose first layer computes its weight before each run and keeps it as an attribute."""
    return nn.Sequential(nn.utils.weight_norm(nn.Linear(8, 16)), nn.Tanh(), nn.Linear(16, 4)).eval()


class Locked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 4)
        self.lock = threading.Lock()

    def forward(self, x):
        return self.inner(x)


@pytest.fixture(autouse=True)
def _reproducible() -> None:
    torch.manual_seed(0)


pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def test_a_weight_that_is_computed_before_each_run_is_copied():
    model = normalized()
    expected = model(X)
    made = copied(model)
    assert torch.equal(made(X), expected)
    with torch.no_grad():
        model[0].weight_g.mul_(2)
        made[0].weight_g.mul_(3)
        assert torch.equal(model(X), copied(model)(X))
        assert not torch.equal(model(X), made(X))
    made(X).sum().backward()
    assert made[0].weight_v.grad is not None
    assert model[0].weight_v.grad is None


def test_objects_can_be_replaced():
    model, bias = normalized(), nn.Parameter(torch.ones(4))
    made = copied(model, {id(model[2].bias): bias})
    assert made[2].bias is bias
    assert model[2].bias is not bias


def test_elements_that_share_memory_do_so_in_the_copy():
    base = torch.randn(6, 6)
    model = nn.Module()
    for name, tensor in {"whole": base, "row": base[1], "again": base, "one": torch.ones(1).expand(3)}.items():
        model.register_parameter(name, nn.Parameter(tensor))
    model.register_buffer("columns", base[:, ::2])
    model.frozen = nn.Parameter(base, requires_grad=False)
    made = copied(model)
    assert made.again is made.whole
    assert made.frozen.data_ptr() == made.whole.data_ptr() != base.data_ptr()
    assert not made.frozen.requires_grad
    assert made.one.stride() == (0,)
    with torch.no_grad():
        made.whole.fill_(1)
    assert made.row.tolist() == [1] * 6
    assert made.columns.tolist() == [[1] * 3] * 6
    assert not (model.row == 1).any()


def test_such_models_are_factored_compressed_and_exported(tmp_path: Path):
    model = normalized()
    expected = model(X).detach()
    compress(model, tmp_path / "model.frz", quality=10)
    compressed = normalized()
    load_model(compressed, tmp_path / "model.frz")
    assert (compressed(X) - expected).abs().max() < 0.05 * expected.abs().max()
    export(model, tmp_path / "model.pt", example=X)
    regularize(model, 1.0, trained=True)
    assert torch.allclose(factorize(model, X)(X), unregularize(copied(model))(X), atol=1e-5)


@pytest.mark.parametrize(
    "use", [copied, lambda model: export(model, "model.pt"), lambda model: compress(model, "m.frz")]
)
def test_models_that_cannot_be_copied_are_named(use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncodeError, match=r"^Locked cannot be copied: TypeError: cannot pickle '_thread\.lock'"):
        use(Locked())
    assert not list(tmp_path.iterdir())
