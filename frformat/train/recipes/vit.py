"""A Vision Transformer on MNIST."""

from __future__ import annotations

from torch import nn

from frformat.train.classification import Classification
from frformat.train.data import MNIST_PIXELS
from frformat.train.models import VisionTransformer
from frformat.train.recipes.mnist import OnMnist
from frformat.train.settings import Settings


class VisionTransformerOnMnist(OnMnist, Classification):
    """All of it is regularized: attention, layers, position embedding and biases.

    Weights of attention are seen with query, key and value, heads, and what belongs to a head as axes of their own.
    """

    name = "vit"
    summary = "a Vision Transformer on MNIST: 9,464 numbers of 203,786"
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
        """The transformer."""
        return VisionTransformer()
