"""A Vision Transformer on MNIST."""

from __future__ import annotations

from torch import nn

from frformat.train.classification import Classification
from frformat.train.data import MNIST_PIXELS
from frformat.train.models import VisionTransformer
from frformat.train.recipes.mnist import OnMnist
from frformat.train.settings import Settings


class VisionTransformerOnMnist(OnMnist, Classification):
    """Regularizes everything: attention, linear layers, position embedding and biases.

    Attention weights are viewed with separate axes for query, key and value, for the heads, and for the values of a
    head.
    """

    name = "vit"
    summary = "a Vision Transformer on MNIST: 9,464 of 203,786 parameters"
    pixels = MNIST_PIXELS
    defaults = Settings(
        epochs=10,
        batch=128,
        lr=0.03,
        warmup=0.2,
        rules=(
            "embed.weight: keep=600",
            "position: keep=200",
            "*.qkv.weight: keep=600",
            "*.projection.weight: keep=250",
            "*.fc?.weight: keep=600",
            "head.weight: keep=320",
            "*.bias: keep=8",
        ),
        format="q8",
    )

    def model(self) -> nn.Module:
        """Return the transformer."""
        return VisionTransformer()
