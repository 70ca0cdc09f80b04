"""Common kinds of networks: nested regularized modules, shared weights, other libraries."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from frformat import EncodeError
from frformat.torch import (
    MismatchError,
    factorize,
    factorize_tiers,
    load_model,
    regularize,
    save_model,
    summary,
    unregularize,
)
from frformat.torch.factorization import Factored, portable
from frformat.torch.regularization import make_tiers


class Block(nn.Module):
    """Has its own regularized parameter, and a regularized submodule."""

    def __init__(self, depth: int = 1) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.randn(64, 64) / 8)
        self.fc = nn.Linear(64, 64)
        self.inner = Block(depth - 1) if depth else None

    def forward(self, x):
        x = F.relu(self.fc(x @ self.mix))
        return x if self.inner is None else self.inner(x)


class Shared(nn.Module):
    """Also uses the weight of one layer elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(64, 64)
        self.two = nn.Linear(64, 64)

    def forward(self, x):
        return F.linear(self.two(self.one(x)), self.one.weight)


class Repeated(nn.Module):
    """Uses one layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(64, 64)
        self.rest = nn.Sequential(nn.ReLU(), self.one)

    def forward(self, x):
        return self.rest(self.one(x))


def encoder(**options: Any) -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256, **options), 2, enable_nested_tensor=False)


def torchvision_model(name: str, *options: Any) -> nn.Module:
    models = pytest.importorskip("torchvision.models", exc_type=ImportError)
    return getattr(models, name)(*options)


def timm_model(name: str, **options: Any) -> nn.Module:
    return pytest.importorskip("timm", exc_type=ImportError).create_model(name, **options)


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    # the network, the shape of an input, and the minimum number of factored layers
    "nested": (lambda: Block(2), (900, 64), 3),
    "sequence": (lambda: nn.Sequential(Block(), Block()), (900, 64), 4),
    "shared weight": (Shared, (900, 64), 1),
    "shared layer": (Repeated, (900, 64), 1),
    "attention": (lambda: encoder(batch_first=False), (50, 4, 64), 4),
    "attention, batch first": (lambda: encoder(batch_first=True), (4, 50, 64), 4),
    "recurrent cell": (lambda: nn.RNNCell(64, 64), (9, 64), 0),
    "ViT": (lambda: torchvision_model("VisionTransformer", 32, 16, 2, 4, 64, 128), (2, 3, 32, 32), 1),
    "Swin": (lambda: torchvision_model("SwinTransformer", [4, 4], 32, [1, 1], [2, 2], [4, 4]), (2, 3, 64, 64), 2),
    "ResNet": (lambda: torchvision_model("resnet18"), (1, 3, 64, 64), 9),
    "timm ViT": (lambda: timm_model("vit_tiny_patch16_224", img_size=64, depth=2), (2, 3, 64, 64), 3),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Callable[[], nn.Module], nn.Module, torch.Tensor, int]:
    make, shape, least = request.param
    model = make().eval()
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)  # heads are initialized to zero
    return make, regularize(model, 90), torch.randn(shape), least


def test_common_networks(case, tmp_path: Path):
    make, model, x, least = case
    with torch.no_grad():
        expected = unregularize(copy.deepcopy(model))(x)
        made = factorize(model, x)
        factored = [layer.name for layer in summary(made).layers if layer.modes]
        assert len(factored) >= least
        slack = 1e-4 * float(expected.abs().max())
        assert slack > 0
        torch.testing.assert_close(made(x), expected, rtol=0, atol=slack)
        torch.testing.assert_close(model(x), expected, rtol=0, atol=slack)  # the original model is unchanged

        # Factored weights are saved as spectra, which plain and factored models can load.
        save_model(made, tmp_path / "model.frz")
        save_model(model, tmp_path / "same.frz")
        plain = make().eval()
        assert load_model(plain, tmp_path / "model.frz") == ([], [])
        torch.testing.assert_close(plain(x), expected, rtol=0, atol=slack)
        for parameter in made.parameters():
            parameter.zero_()
        assert load_model(made, tmp_path / "same.frz") == ([], [])
        torch.testing.assert_close(made(x), expected, rtol=0, atol=slack)


def test_padded_sequences_need_no_fast_path():
    layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)
    model, x = regularize(nn.TransformerEncoder(layer, 2).eval(), 90), torch.randn(4, 50, 64)
    padding = torch.arange(50) >= torch.tensor([50, 20, 30, 40])[:, None]
    with torch.no_grad():
        made = factorize(model, x)
        assert any(isinstance(each, Factored) for each in made.modules())
        found, expected = (each(x, src_key_padding_mask=padding)[~padding] for each in (made, model))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_a_weight_used_elsewhere_is_not_replaced():
    made = factorize(regularize(Shared(), 20), torch.randn(900, 64))
    assert isinstance(made.get_submodule("two"), Factored)
    [one] = (layer for layer in summary(made).layers if layer.name == "one")
    assert (one.modes, one.why) == (None, "its weight is also used outside the layer")


def test_coefficients_of_a_different_number_are_refused(tmp_path: Path):
    x = torch.randn(900, 64)
    made = factorize(regularize(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), 20), x)
    save_model(regularize(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), 30), tmp_path / "30.frz")
    with pytest.raises(MismatchError, match=r"0.weight: 20 coefficients in shape \[64, 64\] in the model, 30 in shape"):
        load_model(made, tmp_path / "30.frz")
    save_model(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), tmp_path / "plain.frz")
    with pytest.raises(MismatchError, match=r"in the model, weights in the file; factorize\(\) again"):
        load_model(made, tmp_path / "plain.frz")


def test_portable_models_are_saved_as_spectra(tmp_path: Path):
    x = torch.randn(900, 64)
    model = regularize(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), 20)
    save_model(portable(factorize(model, x)), tmp_path / "model.frz")
    plain = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    load_model(plain, tmp_path / "model.frz")
    torch.testing.assert_close(plain(x), model(x), rtol=1e-4, atol=1e-5)


def test_models_of_all_tiers_are_not_saved_as_one(tmp_path: Path):
    model = regularize(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), 20)
    make_tiers(model, [5])
    with pytest.raises(EncodeError, match="FactoredTiers contains a model for each tier; save the original model"):
        save_model(factorize_tiers(model, torch.randn(900, 64)), tmp_path / "model.frz")


def test_models_that_read_values_run_unfused_if_possible():
    class Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(64, 64)

        def forward(self, x):
            return self.fc(x) if x.sum() > 0 else self.fc(-x)

    x = torch.rand(900, 64)
    made = factorize(regularize(Looking(), 20), x)
    assert summary(made).layers[0].modes
    with pytest.raises(ValueError, match=r"Looking does not run on the example: .*create the model on the CPU if it"):
        factorize(regularize(Looking(), 20).to("meta"), x)
