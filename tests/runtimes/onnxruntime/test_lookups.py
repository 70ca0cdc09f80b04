"""Indices outside a table are errors, as in PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from frformat.runtimes import LengthError
from frformat.runtimes.onnxruntime import session
from tests.runtimes.onnxruntime.sessions import agree, exported, run


class Lookups(nn.Module):
    """Looks up the rows of two tables, and of one of them by what it computes itself."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 4)
        self.table = nn.Parameter(torch.randn(3, 4))
        self.positions = nn.Embedding(8, 4)

    def forward(self, words: Tensor, kinds: Tensor) -> Tensor:
        rows = self.words(words) + self.words(words.flip(-1)) + self.table[kinds]
        result: Tensor = rows + self.positions(torch.arange(words.shape[1], device=words.device))
        return result


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("weights_as_inputs", [False, True])
def test_indices_outside_a_table(dtype: torch.dtype, weights_as_inputs: bool, tmp_path: Path):
    model, words, kinds = Lookups(), torch.arange(6, dtype=dtype).view(2, 3), torch.tensor([[0, 1, 2]] * 2)
    skeleton = exported(model, tmp_path, words, kinds, weights_as_inputs=weights_as_inputs)
    made = session(skeleton, tmp_path / "model.frz")
    agree(model, made, words + 4, kinds)
    agree(model, made, words, -1 - kinds)  # counted from the end
    for outside in (10, -1, -10, -11):
        with pytest.raises(LengthError, match="this model requires 0 <= words < 10"):
            run(made, torch.where(words == 5, outside, words), kinds)
    for outside in (3, -4):
        with pytest.raises(LengthError, match="this model requires -3 <= kinds < 3"):
            run(made, words, torch.where(kinds == 1, outside, kinds))


class Selecting(nn.Module):
    """Selects in the ways for which PyTorch fails if an index is negative or too large."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(10, 4)
        self.positions, self.distances = nn.Embedding(8, 4), nn.Embedding(9, 4)

    def forward(self, x: Tensor, words: Tensor) -> tuple[Tensor, ...]:
        places = torch.arange(words.shape[1], device=words.device)
        distances = self.distances(places - places[-1] + 4)
        chosen = x.gather(1, words), x.index_select(1, words[0]), x.gather(1, words[:, :1].expand(-1, 3))
        return self.bag(words), self.positions(places), distances, *chosen


def test_indices_outside_other_values(tmp_path: Path):
    model, x, words = Selecting(), torch.rand(2, 10), torch.tensor([[0, 1, 9], [2, 2, 5]])
    made = session(exported(model, tmp_path, x, words), tmp_path / "model.frz")
    agree(model, made, x, words)
    agree(model, made, torch.rand(2, 12), words[:, :2])
    shorter = torch.rand(2, 9), torch.tensor([[9, 0], [0, 0]])
    longer = [(torch.rand(2, 10), torch.zeros(2, n, dtype=torch.long)) for n in (6, 9)]
    outside = [(x, torch.where(words == 9, wrong, words)) for wrong in (-1, 10)]
    for each in (shorter, *longer, *outside):
        with pytest.raises((IndexError, RuntimeError)):
            model(*each)
        with pytest.raises(Exception, match=r"this model requires|[Oo]ut of"):
            run(made, *each)
