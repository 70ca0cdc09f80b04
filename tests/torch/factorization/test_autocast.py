"""Fused networks under autocast."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from frformat.torch import regularize
from frformat.torch.factorization import factorize, summary

pytestmark = pytest.mark.usefixtures("always_factors")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_fused_model_computes_in_its_own_type_under_autocast(dtype):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 9, 8)
    parts = [nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3)]
    model = regularize(nn.Sequential(*parts), 30, trained=True).eval()
    fused = factorize(model, x, prefer="memory")
    assert summary(fused).fusion == ""
    for each in (fused, copy.deepcopy(fused), pickle.loads(pickle.dumps(fused)), nn.Sequential(fused)):
        expected = each(x)
        with torch.autocast("cpu", dtype):
            assert torch.equal(each(x), expected)
            assert_close(each(x.to(dtype)), expected, rtol=0.1, atol=0.1)  # such as the output of a layer before it
            each(x).sum().backward()
