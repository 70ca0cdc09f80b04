"""Check templates of LeNet-5 with a runtime's own packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from frformat.runtimes import export
from frformat.runtimes.template import fill
from frformat.torch import load_model
from frformat.train.models import LeNet5

TRAINED = Path(__file__).parents[3] / "examples" / "lenet5.frz"


def check(path: Path, run: Callable[[bytes, torch.Tensor], np.ndarray], factored: bool = False) -> None:
    """Check that a filled template equals the complete file, and computes what PyTorch computes.

    Args:
        path: where to write the complete file; its extension selects the runtime.
        run: runs a file on an image.
        factored: whether the network runs on coefficients.
    """
    net = LeNet5().eval()
    load_model(net, TRAINED)
    example = torch.randn(1, 1, 28, 28)
    template = path.with_name(f"{path.name}.frt")
    written = export(net, template, factored=factored, example=example, weights=TRAINED)
    assert written.bytes < 2600
    assert written.coefficients == (["fc1.weight"] if factored else [])
    export(net, path, factored=factored, example=example, weights=TRAINED, with_weights=True)
    filled = fill(template, TRAINED)
    assert filled == path.read_bytes()
    with torch.no_grad():
        expected = net(example).numpy()
    np.testing.assert_allclose(run(bytes(filled), example), expected, rtol=0, atol=1e-4)
