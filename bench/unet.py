"""The published UNet as spectra, and as the network that its authors trained."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from bench import DATA, Missing, unet_path
from frformat import Spectrum, zigzag


@lru_cache(maxsize=1)
def spectra() -> dict[str, Spectrum]:
    """The checkpoint's 23 tensors as spectra."""
    out = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it checks sparse tensors
        checkpoint = torch.load(unet_path(), weights_only=True)
    for name, sparse in checkpoint.items():
        indices = zigzag.prefix(sparse.shape, sparse._nnz())
        dense = sparse.to_dense().numpy()
        out[name] = Spectrum(dense[tuple(indices.T)], tuple(sparse.shape))
    return out


def carvana() -> list[tuple[Tensor, NDArray[np.bool_]]]:
    """Ten images, float32 (1, 3, 640, 959) in 0 … 1, with their masks."""
    from PIL import Image

    images = sorted((DATA / "carvana" / "images").glob("*.png"))
    if not images:
        raise Missing(f"{DATA / 'carvana'} is absent: set FRFORMAT_DATA to a folder that holds carvana/")
    out = []
    for path in images:
        mask = path.parent.parent / "masks" / path.name.replace("in", "gt")
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        out.append((torch.from_numpy(pixels).permute(2, 0, 1)[None], np.asarray(Image.open(mask).convert("L")) > 0))
    return out


def mean_dice(weights: Mapping[str, NDArray[Any]]) -> float:
    """Mean Dice of the network with ``weights`` on the ten images."""
    network = UNet()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    scores = []
    with torch.inference_mode():
        for image, truth in carvana():
            mask = network(image)[0].argmax(0).numpy().astype(bool)
            scores.append(2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth)))
    return float(np.mean(scores))


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


class DoubleConv(nn.Module):
    """Twice: convolution without bias, normalization by the batch, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            _norm(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            _norm(outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


class Down(nn.Module):
    """Halve the picture, then convolve."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)


class Up(nn.Module):
    """Double the picture, join it with the one from the way down, convolve."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2, bias=False)
        self.conv = DoubleConv(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.conv(torch.cat([skip, x], dim=1))


class Out(nn.Module):
    """One logit for each class and pixel."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class UNet(nn.Module):
    """The UNet of the published checkpoint: 31,024,960 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = DoubleConv(3, 64)
        self.down1, self.down2 = Down(64, 128), Down(128, 256)
        self.down3, self.down4 = Down(256, 512), Down(512, 1024)
        self.up1, self.up2 = Up(1024, 512), Up(512, 256)
        self.up3, self.up4 = Up(256, 128), Up(128, 64)
        self.outc = Out(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.up1(self.down4(x4), x4)
        x = self.up4(self.up3(self.up2(x, x3), x2), x1)
        return self.outc(x)
