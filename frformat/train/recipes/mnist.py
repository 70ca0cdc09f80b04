"""The base class that the recipes on MNIST share."""

from __future__ import annotations

from frformat.train.data import load_mnist
from frformat.train.recipe import Data, StrPath


class OnMnist:
    """Provides the samples of a recipe. List it before the recipe's other base class."""

    def data(self, folder: StrPath | None) -> Data:
        """Return MNIST."""
        return Data(load_mnist("train", folder), load_mnist("test", folder))
