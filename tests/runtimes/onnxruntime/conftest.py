from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.runtimes.onnxruntime.sessions import Mixed


@pytest.fixture(scope="module")
def model() -> Mixed:
    torch.manual_seed(0)
    return Mixed().eval()


@pytest.fixture(scope="module")
def weights(skeleton: Path) -> Path:
    return skeleton.with_name("model.frz")
