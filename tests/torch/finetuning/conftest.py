"""A compressed file, and inputs for its network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from frformat.torch import compress
from tests.reproducible import reproducible
from tests.torch.finetuning.networks import Net

__all__ = ["reproducible"]


@pytest.fixture(scope="session")
def images() -> Tensor:
    return torch.randn(64, 2, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, images: Tensor) -> Path:
    """A compressed file of a network."""
    torch.manual_seed(1)
    path, net = tmp_path_factory.mktemp("compressed") / "small.frz", Net().train()
    for part in images.split(16):
        net(part)  # for the running statistics
    compress(net.eval(), path, images.split(16), size=2000)
    return path
