"""What recipes on MNIST share."""

from __future__ import annotations

from frformat.train.data import load_mnist
from frformat.train.recipe import Data, StrPath


class OnMnist:
    """The samples of a recipe, to be named before its other base."""

    def data(self, folder: StrPath | None) -> Data:
        """MNIST."""
        return Data(load_mnist("train", folder), load_mnist("test", folder))
