"""A small convolutional network for scikit-learn's digits; its parameters are DCT coefficients, trained in seconds."""

from __future__ import annotations

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from frformat import Spectrum
from frformat.spectral import dct, zigzag
from frformat.train.data import DIGITS_PIXELS, load_digits

LAYERS = {
    # name: (shape, view, kept); the linear layer follows 64 channels of 2×2 pixels
    "conv1.weight": ((32, 1, 3, 3), None, 120),
    "conv2.weight": ((64, 32, 3, 3), None, 400),
    "fc.weight": ((10, 256), (10, 64, 2, 2), 300),
}


class Spectral(nn.Module):
    """A weight tensor that is rebuilt from its first DCT coefficients, with one small matrix product per axis."""

    def __init__(self, shape: tuple[int, ...], view: tuple[int, ...] | None, kept: int) -> None:
        super().__init__()
        self.shape, self.view = shape, view
        spectral_shape = view or shape
        self.indices = torch.from_numpy(zigzag.prefix(spectral_shape, kept).T.copy())
        self.box = zigzag.box(spectral_shape, kept)
        self.bases = [torch.from_numpy(dct.basis(n, r)).float() for n, r in zip(spectral_shape, self.box, strict=True)]
        self.coefficients = nn.Parameter(torch.randn(kept) * (np.prod(shape) / kept) ** 0.5 / np.prod(shape[1:]) ** 0.5)

    def forward(self) -> Tensor:
        weights = torch.zeros(self.box).index_put(tuple(self.indices), self.coefficients)
        for axis, basis in enumerate(self.bases):
            weights = torch.tensordot(basis, weights, ([1], [axis])).movedim(0, axis)
        return weights.reshape(self.shape)

    def spectrum(self) -> Spectrum:
        return Spectrum(self.coefficients.detach().numpy(), self.shape, self.view)


def train(epochs: int = 400) -> dict[str, Spectrum]:
    """Train with a fixed seed, and return the layers' spectra."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the layers are too small to benefit from several threads
    images, labels = load_digits("train").tensors
    pixels = DIGITS_PIXELS(images)
    layers = nn.ModuleDict({name.partition(".")[0]: Spectral(*spec) for name, spec in LAYERS.items()})
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=epochs)
    for _ in track(range(epochs), description="training on digits", transient=True):
        optimizer.zero_grad()
        F.cross_entropy(_network(pixels, [layer() for layer in layers.values()]), labels).backward()
        optimizer.step()
        schedule.step()
    return {name: layer.spectrum() for name, layer in zip(LAYERS, layers.values(), strict=True)}


def accuracy(weights: dict[str, np.ndarray]) -> float:
    """Return the share of the test images that a network with ``weights`` classifies correctly."""
    images, labels = load_digits("test").tensors
    logits = _network(DIGITS_PIXELS(images), [torch.from_numpy(weights[name]) for name in LAYERS])
    return float((logits.argmax(1) == labels).float().mean())


def _network(x: Tensor, weights: list[Tensor]) -> Tensor:
    *convolutions, last = weights
    for weight in convolutions:
        x = F.conv2d(x, weight, padding=1)
        x = F.max_pool2d(F.relu(F.layer_norm(x, x.shape[1:])), 2)
    return F.linear(x.flatten(1), last)
