"""Random numbers that depend only on the seed and the step, so that a resumed run draws the same ones."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from frformat.train.group import ProcessGroup

ORDER: Final = 1
STEP: Final = 2


class Draws:
    """The random numbers of one step. Each process draws the numbers for the whole batch, and uses its part.

    Attributes:
        progress: the completed share of the run.
    """

    def __init__(self, seed: int, step: int, batch: int, group: ProcessGroup, progress: float = 0.0) -> None:
        self.progress = progress
        first, second = _entropy(seed, STEP, step, words=2)
        self._generator = torch.Generator().manual_seed(first)
        self._batch, self._group = batch, group
        torch.manual_seed(second + group.rank)  # for layers with their own randomness, such as dropout

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal random numbers for this process's samples: (samples, …), float32."""
        return self._share(torch.randn(self._batch, *shape, generator=self._generator))

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform random numbers from 0 to 1 for this process's samples: (samples, …), float32."""
        return self._share(torch.rand(self._batch, *shape, generator=self._generator))

    def number(self, below: int) -> int:
        """Return an integer from 0 to ``below`` − 1, the same in all processes."""
        return int(torch.randint(below, (), generator=self._generator))

    def _share(self, drawn: Tensor) -> Tensor:
        return self._group.share(drawn).to(self._group.device)


def order(seed: int, epoch: int, samples: int) -> Tensor:
    """Return the order of the samples in an epoch, int64 (samples,)."""
    (word,) = _entropy(seed, ORDER, epoch, words=1)
    return torch.randperm(samples, generator=torch.Generator().manual_seed(word))


def _entropy(*parts: int, words: int) -> list[int]:
    """Return random integers below 2^62 that are independent of those for all other values of ``parts``."""
    return [int(word) >> 2 for word in np.random.SeedSequence(parts).generate_state(words, np.uint64)]
