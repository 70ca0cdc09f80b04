"""Load the published UNet as spectra, compute its score, and train narrower ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import DATA, Missing, Row, unet_path
from frformat import Spectrum
from frformat.spectral import zigzag
from frformat.train.data import UNIT_PIXELS, MaskFolder, MissingDataError, load_carvana
from frformat.train.models import UNet
from frformat.train.recipes.unet import UNetOnIsbi


@lru_cache(maxsize=1)
def spectra() -> dict[str, Spectrum]:
    """Return the checkpoint's 23 tensors as spectra."""
    out = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that it validates sparse tensors
        checkpoint = torch.load(unet_path(), weights_only=True)
    for name, sparse in checkpoint.items():
        indices = zigzag.prefix(sparse.shape, sparse._nnz())
        dense = sparse.to_dense().numpy()
        out[name] = Spectrum(dense[tuple(indices.T)], tuple(sparse.shape))
    return out


def carvana() -> MaskFolder:
    """Return the ten Carvana images and their masks."""
    try:
        return load_carvana(DATA)
    except MissingDataError as error:
        raise Missing(str(error)) from error


def mean_dice(weights: Mapping[str, NDArray[Any]]) -> float:
    """Return the mean Dice score of the network with ``weights`` on the ten images."""
    network = UNet()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return dice(network, ((UNIT_PIXELS(image[None]), truth.bool()) for image, truth in carvana()))


@torch.inference_mode()
def dice(network: nn.Module, pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the mean Dice score of a network on images (1, channels, height, width) and bool masks (height, width)."""
    scores = []
    for image, truth in pairs:
        mask = network(image)[0].argmax(0).bool()
        scores.append(2 * float((mask & truth).sum() / (mask.sum() + truth.sum())))
    return float(np.mean(scores))


def speedup(where: str, rebuilt: float, factored: float) -> Row:
    """Compare the processor times, in seconds, of the rebuilt and the factored UNet for one image of 959×640 pixels."""
    faster = rebuilt / factored
    figure = f"{faster:.1f} × faster ({rebuilt:.2f} s → {factored:.2f} s)"
    what = f"UNet 959×640{where}, processor time of one thread, factored compared with rebuilt"
    return Row(what, figure, "≥ 17 ×", faster >= 17)


class NarrowUNet(UNetOnIsbi):
    """The UNet with 16 channels instead of 64 at full resolution, trained with crops of 128×128 pixels."""

    name = "unet-isbi-16"
    crop = 128
    width = 16


class SmallUNet(NarrowUNet):
    """The UNet with 8 channels at full resolution.

    An epoch consists of sixty passes over the data, because testing takes longer than training.
    """

    name = "unet-isbi-8"
    passes = 60
    width = 8
