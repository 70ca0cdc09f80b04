"""A hidden layer of convolution filters. Its features are bit-identical in every language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from frformat.spectral import philox
from frformat.train.elm.hidden import CONSTANT, Array, Floats, Hidden, Layer
from frformat.wording import count

EXACT: Final = 1 << 53
"""Integers up to this one are exact in float64."""

HALF: Final = 1 << 23
"""Seeded numbers are odd multiples of the reciprocal of this number."""

ROWS: Final = 1 << 12
"""Number of windows to multiply by the filters at a time."""


@dataclass(frozen=True)
class Convolution(Hidden):
    """Filters with zero mean, ReLU and average pooling, for uint8 images.

    All sums are sums of integers and exact, so the features of an image are bit-identical in every language.

    Attributes:
        filters: number of filters.
        size: height and width of a filter.
        pool: height and width of the squares that are averaged. Pixels that do not fill a square are ignored.
        bias: largest bias, in gray levels.
    """

    kind: ClassVar[str] = "convolution"
    unit_field: ClassVar[str] = "filters"

    filters: int = 80
    size: int = 9
    pool: int = 3
    bias: int = 24

    def layer(self, shape: tuple[int, ...], seed: int) -> ConvolutionLayer:
        """See :class:`Hidden`."""
        self.check_whole("filters", "size", "pool", "bias")
        if len(shape) == 2:
            shape = (1, *shape)
        if min(self.filters, self.size, self.pool) < 1 or self.bias < 0:
            raise ValueError(f"{self}: filters, size and pool must be at least 1, and bias at least 0")
        if len(shape) != 3 or min(shape[1:]) < self.size + self.pool - 1:
            raise ValueError(
                f"inputs of shape {shape} are too small for filters of {self.size} × {self.size} "
                f"and pooling of {self.pool} × {self.pool}; expected (channels, height, width)"
            )
        layer = ConvolutionLayer(self, (shape[0], shape[1], shape[2]), seed)
        if layer.largest > EXACT:
            channels = count(shape[0], "channel")
            raise ValueError(f"{self}: with {channels}, sums are too large to be exact; make size or pool smaller")
        return layer


@dataclass(frozen=True)
class ConvolutionLayer(Layer):
    """See :class:`Convolution`.

    Let U be the n seeded numbers of a filter, K the integers 2²³ · U, u the seeded number of the filter's bias, and x
    the bytes of a window. The filter's response is then Σ (n · K − ΣK) · x + n · size · bias · 2²³ · u. A feature is
    the sum of the positive responses in a square, divided by n · 2²³ · 255 · size · pool².

    Attributes:
        settings: the layer's settings.
        shape: (channels, height, width) of an image.
        seed: seed of the filters; ``seed + 1`` is that of the biases.
    """

    settings: Convolution
    shape: tuple[int, int, int]
    seed: int

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """See :class:`Layer`."""
        return self.units, self.shape[0], self.settings.size, self.settings.size

    @property
    def output_shape(self) -> tuple[int, ...]:
        """See :class:`Layer`."""
        return self.units, *self.grid

    @property
    def grid(self) -> tuple[int, int]:
        """Number of squares from top to bottom and from left to right."""
        s = self.settings
        return (self.shape[1] - s.size + 1) // s.pool, (self.shape[2] - s.size + 1) // s.pool

    @property
    def taps(self) -> int:
        """Number of weights of a filter."""
        return self.shape[0] * self.settings.size**2

    @property
    def divisor(self) -> float:
        """The divisor of the sum over a square."""
        return float(self.taps * HALF * 255 * self.settings.size * self.settings.pool**2)

    @property
    def largest(self) -> int:
        """An upper bound on the magnitude of every sum."""
        s, n = self.settings, self.taps
        return (2 * n * n * HALF * 255 + n * s.size * s.bias * HALF) * s.pool**2

    @cached_property
    def kernels(self) -> Floats:
        """The integers n · K − ΣK, shape (taps, filters)."""
        numbers = self.weights.reshape(self.units, self.taps).astype(np.float64) * HALF
        return np.ascontiguousarray((self.taps * numbers - numbers.sum(1, keepdims=True)).T)

    @cached_property
    def biases(self) -> Floats:
        """The integers n · size · bias · 2²³ · u, shape (filters,)."""
        settings = self.settings
        return philox.uniform(self.seed + 1, 0, self.units) * HALF * (self.taps * settings.size * settings.bias)

    def __call__(self, inputs: Array) -> Floats:
        """See :class:`Layer`.

        Args:
            inputs: uint8 images, shape (n, channels, height, width), or (n, height, width) if there is one channel.

        Raises:
            ValueError: the images are not bytes.
        """
        if inputs.dtype != np.uint8:
            raise ValueError(f"a convolution needs images of uint8 (0 … 255), not {inputs.dtype}")
        images = inputs.reshape(len(inputs), *self.shape)
        size, pool, (rows, columns) = self.settings.size, self.settings.pool, self.grid
        windows = sliding_window_view(images, (size, size), axis=(2, 3))[:, :, : rows * pool, : columns * pool]
        windows = windows.transpose(0, 2, 3, 1, 4, 5)
        out = np.ones((len(inputs), self.features))
        pooled = out[:, CONSTANT:].reshape(len(inputs), self.units, rows, columns)
        places = rows * pool * columns * pool
        together = max(1, ROWS // places)
        for start in range(0, len(inputs), together):
            part = windows[start : start + together]
            responses = part.reshape(len(part) * places, self.taps).astype(np.float64) @ self.kernels
            responses += self.biases
            np.maximum(responses, 0, out=responses)
            squares = responses.reshape(len(part), rows, pool, columns, pool, self.units).sum((2, 4))
            pooled[start : start + together] = squares.transpose(0, 3, 1, 2)
        out[:, CONSTANT:] /= self.divisor
        return out
