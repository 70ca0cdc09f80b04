from __future__ import annotations

import copy

import pytest
import torch

from frformat.torch import get_tier, set_tier
from frformat.torch.nesting import growing, make_nested
from frformat.torch.nesting.structure import frozen_part, parts
from tests.torch.nesting.networks import GROUPS, WIDTHS, digits, fit, images

OPTIMIZERS = [
    lambda parameters: torch.optim.AdamW(parameters, 0.03, weight_decay=0.5),
    lambda parameters: torch.optim.SGD(parameters, 0.3, momentum=0.9, nesterov=True, weight_decay=0.1),
]


@pytest.fixture(autouse=True)
def _reproducible():
    torch.manual_seed(0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_smaller_tiers_stay_bit_identical(optimizer):
    model, x, outputs = make_nested(digits(), GROUPS, WIDTHS), images(), []
    for tier in range(3):
        with growing(model, tier):
            fit(model, optimizer)
        for smaller, before in enumerate(outputs):
            set_tier(model, smaller)
            assert torch.equal(model(x), before)
        set_tier(model, tier)
        outputs.append(model(x))


def test_everything_new_is_trained():
    model = make_nested(digits(), GROUPS, WIDTHS)
    before = copy.deepcopy(model.state_dict())
    with growing(model, 1):
        fit(model)
    after = model.state_dict()
    for held in parts(model).values():
        name = (
            next(name for name, tensor in model.named_parameters() if tensor is held.original)
            if isinstance(held.original, torch.nn.Parameter)
            else next(name for name, tensor in model.named_buffers() if tensor is held.original)
        )
        changed = before[name] != after[name]
        assert not changed[frozen_part(held, 1)].any(), name
        corner = frozen_part(held, 2)
        assert changed[corner].any(), name


def test_gradients_of_frozen_entries_are_zero():
    model = make_nested(digits(), GROUPS, WIDTHS)
    with growing(model, 2):
        model(images()).square().sum().backward()
        for held in parts(model).values():
            if held.original.grad is not None:
                assert not held.original.grad[frozen_part(held, 2)].any()
                assert held.original.grad.any()


def test_the_block_leaves_nothing_behind():
    model = make_nested(digits(), GROUPS, WIDTHS)
    set_tier(model, 1)
    with pytest.raises(RuntimeError, match="stop"), growing(model, 2):
        raise RuntimeError("stop")
    assert get_tier(model) == 1
    assert all(parameter.requires_grad for parameter in model.parameters())
    model(images()).sum().backward()
    assert model.conv1.parametrizations.weight.original.grad[0].any()
    with pytest.raises(ValueError, match="tier 3 does not exist"), growing(model, 3):
        pass
