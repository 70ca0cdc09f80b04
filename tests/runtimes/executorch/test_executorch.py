"""Models exported for ExecuTorch, which must be installed. The other tests are in ``tests/runtimes/template``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from frformat.runtimes import export
from tests.runtimes.template import lenet5

pytest.importorskip("executorch")
runtime = pytest.importorskip("executorch.runtime")


def test_filled_templates_are_complete_and_run(tmp_path: Path):
    lenet5.check(tmp_path / "a.pte", run)


def test_the_strides_of_the_example_do_not_matter(tmp_path: Path):
    net, example = torch.nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 9)
    files = []
    for layout in (torch.contiguous_format, torch.channels_last):
        export(net, tmp_path / "a.pte", example=example.contiguous(memory_format=layout), with_weights=True)
        files.append((tmp_path / "a.pte").read_bytes())
    assert files[0] == files[1]


def run(model: bytes, example: torch.Tensor) -> np.ndarray:
    method = runtime.Runtime.get().load_program(model).load_method("forward")
    found: np.ndarray = method.execute([example])[0].numpy()
    return found
