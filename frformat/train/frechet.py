"""The distance between generated and real images: the Fréchet distance between their low frequencies.

M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017, compare two
sets of images by the distance between normal distributions with their means and covariances. Their features are the
outputs of a trained network. The features here need no network: they are the first coefficients, in zigzag order, of an
image's orthonormal two-dimensional DCT. The unit of the distance is therefore squared brightness, summed over an image.

The distance between MNIST's test images and 10,000 training images is 0.19; for copies of the mean image, it is 31.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from frformat.spectral import dct, zigzag
from frformat.train.group import ProcessGroup

FEATURES: Final = 64


@dataclass(frozen=True)
class Moments:
    """Mean (features,) and covariance (features, features) of a set of images, float64 on the CPU."""

    mean: Tensor
    covariance: Tensor


def moments(batches: Iterable[Tensor], group: ProcessGroup) -> Moments:
    """Return the mean and covariance of the features of images, the same in all processes.

    Args:
        batches: this process's images, each float (n, 1, height, width).
        group: the process group, which has at least two images in total.
    """
    sums = torch.zeros(1 + FEATURES + FEATURES**2, dtype=torch.float64, device=group.device)
    for images in batches:
        found = features(images)
        parts = found.new_tensor([len(found)]), found.sum(0), (found.T @ found).flatten()
        sums += torch.cat(parts)
    total = group.total(sums).cpu()
    count, first, second = total[0], total[1 : 1 + FEATURES], total[1 + FEATURES :].view(FEATURES, FEATURES)
    mean = first / count
    covariance = (second - count * torch.outer(mean, mean)) / (count - 1)
    return Moments(mean, covariance)


def features(images: Tensor) -> Tensor:
    """Return the first coefficients of gray images (n, 1, height, width): float64 (n, features)."""
    height, width = images.shape[2:]
    places = torch.from_numpy(zigzag.prefix((height, width), FEATURES).copy()).to(images.device)
    rows, columns = (
        torch.from_numpy(dct.basis(n, int(last) + 1)).to(images.device)
        for n, last in zip((height, width), places.amax(0), strict=True)
    )
    spectrum = rows.T @ images[:, 0].double() @ columns
    return spectrum[:, places[:, 0], places[:, 1]]


def distance(first: Moments, second: Moments) -> float:
    """Return |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½)."""
    root = _root(first.covariance)
    shared = torch.linalg.eigvalsh(root @ second.covariance @ root).clamp(min=0).sqrt().sum()
    apart = (first.mean - second.mean).square().sum()
    return float(apart + first.covariance.trace() + second.covariance.trace() - 2 * shared)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root
