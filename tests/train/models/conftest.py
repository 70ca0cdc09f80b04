from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _inference(reproducible: None) -> Iterator[None]:
    """Run each test without gradients."""
    with torch.inference_mode():
        yield
