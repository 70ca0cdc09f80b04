"""A small Vision Transformer for MNIST, 203,786 parameters.

A. Dosovitskiy et al., "An image is worth 16×16 words: Transformers for image recognition at scale", 2021, with
normalization before each layer and no dropout. There is no class token: the classifier receives the mean over all
patches, as in L. Beyer, X. Zhai, A. Kolesnikov, "Better plain ViT baselines for ImageNet-1k", 2022. Normalization has
no parameters, because the following linear layer can take over its scale and shift.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class VisionTransformer(nn.Module):
    """Self-attention between the patches of an image, by default of 28×28 pixels.

    Uses only operators that PyTorch had in 2020, so that :mod:`torch.jit` and the mobile runtimes support it.

    Args:
        classes: the number of logits.
        channels: number of channels of the image.
        size: height and width of the image in pixels, a multiple of ``patch``.
        patch: height and width of a patch in pixels.
        width: number of values that represent a patch, a multiple of ``heads``.
        depth: number of blocks.
        heads: number of attention heads in each block.
    """

    def __init__(
        self,
        classes: int = 10,
        *,
        channels: int = 1,
        size: int = 28,
        patch: int = 7,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
    ) -> None:
        super().__init__()
        if size % patch or width % heads:
            raise ValueError(
                f"size={size} is not a multiple of patch={patch}, or width={width} not a multiple of heads={heads}"
            )
        self.embed = nn.Conv2d(channels, width, patch, stride=patch)
        self.position = nn.Parameter(torch.empty(size // patch, size // patch, width))
        self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.head = nn.Linear(width, classes)
        nn.init.normal_(self.position, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes) of images (n, channels, size, size), both float."""
        x = self.embed(x).permute(0, 2, 3, 1) + self.position
        x = self.norm(self.blocks(x.flatten(1, 2)))
        logits: Tensor = self.head(x.mean(1))
        return logits


class _Block(nn.Module):
    """Attention, then two linear layers applied to each patch; both are residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, patches, width) to the same shape."""
        x = x + self.attention(self.norm1(x))
        mixed: Tensor = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return mixed


class _Attention(nn.Module):
    """Multi-head self-attention (A. Vaswani et al., "Attention is all you need", 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.each = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, patches, width) to the same shape."""
        n, patches = x.shape[0], x.shape[1]
        split = self.qkv(x).view(n, patches, 3, self.heads, self.each)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (query @ key.transpose(2, 3) * self.each**-0.5).softmax(3)
        joined: Tensor = self.projection((weights @ value).transpose(1, 2).flatten(2))
        return joined
