"""Every function that accepts an ``.frz`` file also accepts the base of a delta file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

import frformat
from frformat import FrzError
from frformat.torch import factorize, factorize_tiers, load_file, load_model, regularize, save_model


class Update(NamedTuple):
    """A model whose new version is stored as a delta file."""

    model: nn.Module
    old: Path
    new: Path


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)).eval()


@pytest.fixture
def update(tmp_path: Path) -> Update:
    torch.manual_seed(0)
    model = regularize(network(), keep=40, factored=False)
    old, whole, new = (tmp_path / f"{name}.frz" for name in ("old", "whole", "new"))
    save_model(model, old)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.001)
    save_model(model, whole)
    with frformat.open(whole) as file:
        frformat.save_file({name: file.stored(name) for name in file}, new, base=old)
    return Update(model, old, new)


def image() -> torch.Tensor:
    return torch.rand(1, 8, 16, 16)


USERS: dict[str, Callable[..., Any]] = {
    "load_file": load_file,
    "load_model": lambda file, **base: load_model(network(), file, **base),
    "load_model, regularized": lambda file, **base: load_model(regularize(network(), keep=9), file, **base),
    "factorize": lambda file, **base: factorize(network(), image(), file, **base),
    "factorize_tiers": lambda file, **base: factorize_tiers(network(), image(), file, **base),
}


@pytest.mark.parametrize("use", USERS.values(), ids=USERS)
def test_a_delta_file_needs_its_base(update: Update, tmp_path: Path, use: Callable[..., Any]) -> None:
    with pytest.raises(FrzError, match=r"new.frz: BASE: this is a delta file: also give its base") as missing:
        use(update.new)
    assert missing.value.code == "BASE"
    with pytest.raises(FrzError, match=r"new.frz: BASE: the base has the SHA-256"):
        use(update.new, base=tmp_path / "whole.frz")
    for base in (update.old, update.old.read_bytes()):
        use(update.new, base=base)
    with frformat.open(update.old) as file:
        use(update.new, base=file)
        assert len(file["0.weight"]) == 8  # still open
    use(update.old, base=update.old)  # not needed, ignored


def test_weights_of_delta_files_are_those_of_the_model(update: Update) -> None:
    model, x = network(), image()
    load_model(model, update.new, base=update.old)
    plain = model.state_dict()
    assert all(torch.equal(plain[name], tensor) for name, tensor in load_file(update.new, base=update.old).items())
    again = copy.deepcopy(update.model)
    load_model(again, update.new, base=update.old)
    with torch.no_grad():
        assert torch.equal(again(x), update.model(x))
        assert torch.allclose(model(x), update.model(x), atol=1e-5)
        assert torch.allclose(factorize(network(), x, update.new, base=update.old)(x), update.model(x), atol=1e-5)
