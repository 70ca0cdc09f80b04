"""The size of the file in runs that fine-tune a compressed file."""

from __future__ import annotations

import os
from typing import Final

from torch import nn

from frformat.torch import fit_quantized, load_quantized
from frformat.torch.finetuning import check_size
from frformat.train.recipe import Recipe, StrPath

POWER: Final = 3
"""The excess over the final size falls with this power of the time that is left (Zhu and Gupta, "To prune, or not to
prune", 2017): most coefficients are removed while the learning rate is still high."""


class Budget:
    """The largest size that the file may have, from the size of the compressed file to the final one.

    Attributes:
        nbytes: size of the model's file when it was last encoded.
    """

    def __init__(self, recipe: Recipe, model: nn.Module, weights: StrPath | None) -> None:
        """Load the compressed file into a model.

        Args:
            recipe: its settings say how the size falls.
            model: a plain model of the recipe; its exported part is changed in place.
            weights: the compressed file.

        Raises:
            ValueError, FrzError, OSError: see :func:`frformat.torch.load_quantized`; or there is no file, or the final
                size cannot be reached.
        """
        settings = recipe.settings
        if weights is None:
            raise ValueError("quantized needs a compressed file as initial weights: pass --from FILE.frz")
        part = load_quantized(recipe.exported(model), weights)
        self._share = settings.truncate_for
        self._initial = os.path.getsize(weights)
        self._final = self._initial if settings.size is None else settings.size
        self.nbytes = self._initial
        check_size(part, self._final)

    def fit(self, model: nn.Module, progress: float) -> None:
        """Remove coefficients until the model's file meets the budget.

        Args:
            model: the exported part of a model.
            progress: completed share of the run.
        """
        left = max(0.0, 1 - progress / self._share) if self._share else 0.0
        excess = max(0, self._initial - self._final)
        self.nbytes = fit_quantized(model, self._final + round(excess * left**POWER))
