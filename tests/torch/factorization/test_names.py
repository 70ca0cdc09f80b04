"""Modules whose names contain unusual characters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from frformat.torch import decompose, factorize, regularize, summary
from tests.sums import same_sums


def network(name: str) -> nn.Module:
    model = nn.Sequential()
    for part, module in ((name, nn.Conv2d(3, 64, 3)), ("relu", nn.ReLU()), ("out", nn.Conv2d(64, 64, 3))):
        model.add_module(part, module)
    return model.eval()


@pytest.mark.parametrize("name", ["a\nb", "a\rb", 'a"b', "a\\b", "a\0b", "a\ud800", "a b", "a'b", "ä\u200b"])
def test_a_network_runs_whatever_its_modules_are_called(name: str):
    torch.manual_seed(0)
    model, x = network(name), torch.randn(1, 3, 12, 12)
    regularize(model, keep=40, example=x)
    factored = factorize(model, x)
    same_sums(factored(x), model(x), 64 * 9 * 40)
    told = str(summary(factored))
    assert len(told.splitlines()) == 6  # heading, line, two layers, total, note
    fused = name in ("a b", "a'b", "ä\u200b")
    assert ("the code of a trace cannot contain the name of module" in told) is not fused


def test_the_table_of_a_decomposition_has_a_line_for_each_layer():
    told = str(summary(decompose(network("a\nb"), "vbmf", example=torch.randn(1, 3, 12, 12))))
    assert [line.split()[0] for line in told.splitlines()[2:4]] == [r"a\nb.weight", "out.weight"]
