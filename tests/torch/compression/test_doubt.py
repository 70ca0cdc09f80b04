"""Few calibration inputs make files larger, but do not ruin networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from frformat.torch import compress
from frformat.torch.compression.doubt import doubt
from frformat.torch.compression.outputs import Outputs
from tests.torch.compression.models import Perceptron, Pictures, scaled
from tests.torch.compression.test_unusual_models import loss

DRAWS = torch.Generator().manual_seed(0)
VECTORS = torch.randn(256, 16, generator=DRAWS)
PICTURES = 3 * nn.functional.avg_pool2d(torch.randn(256, 3, 12, 12, generator=DRAWS), 3, 1, 1)


@pytest.mark.parametrize("count", [1, 2, 4, 8, 32])
@pytest.mark.parametrize(("kind", "inputs"), [(Perceptron, VECTORS), (Pictures, PICTURES)])
def test_the_loss_on_other_inputs_is_not_much_larger(kind: Callable[[], nn.Module], inputs: Tensor, count: int):
    torch.manual_seed(0)
    model = scaled(kind())
    found = compress(model, None, [inputs[:count]], quality=6)
    assert found.model is not None
    assert loss(model, found.model, [inputs[128:]]) < 0.006
    assert any("statistics are assumed, because there are so few calibration inputs" in note for note in found.notes)
    blind = compress(model, None, quality=6)
    assert found.nbytes < 1.1 * blind.nbytes


def test_weights_of_many_inputs_are_rounded_together_if_there_are_few_samples():
    """The inputs of such layers are otherwise kept, to compensate block by block for the errors of their outputs."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 4200), nn.ReLU(), nn.Linear(4200, 5))
    found = compress(model, None, [VECTORS[:3]], quality=6)
    assert found.model is not None
    assert loss(model, found.model, [VECTORS[128:]]) < 0.02


@pytest.mark.parametrize(("decisions", "share"), [(1, 0.96), (16, 0.5), (64, 0.06), (256, 0)])
def test_the_share_of_assumed_statistics(decisions: int, share: float):
    assert doubt(decisions) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(("shape", "count"), [((), 1), ((5,), 5), ((5, 3), 5), ((5, 7, 3), 35), ((5, 3, 2, 4), 40)])
def test_decisions_are_rows_of_outputs(shape: tuple[int, ...], count: int):
    assert Outputs("auto").decisions(torch.zeros(shape)) == count
