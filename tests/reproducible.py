"""Shared setup for tests of PyTorch code; a ``conftest.py`` that imports it makes all tests next to it reproducible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    """Use the same random numbers each time, and one thread, because more would be slower on such small tensors."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
