"""Hidden layers with random weights that a seed determines."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from frformat.spectral import philox

Array = NDArray[Any]
Floats = NDArray[np.float64]

ACTIVATIONS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "tanh": lambda z: np.tanh(z, out=z),
    "relu": lambda z: np.maximum(z, 0, out=z),
}

EXACT: Final = 1 << 53
"""Integers up to this one are exact in float64."""

HALF: Final = 1 << 23
"""Seeded numbers are odd multiples of its reciprocal."""

ROWS: Final = 1 << 12
"""Number of windows that are multiplied by the filters together."""

CONSTANT: Final = 1
"""Number of constant features. They come first."""


class Layer(ABC):
    """A hidden layer for inputs of one shape.

    Attributes:
        settings: the layer's settings.
        seed: seed of the weights; ``seed + 1`` is that of the biases.
    """

    settings: Hidden
    seed: int

    @property
    @abstractmethod
    def units(self) -> int:
        """Number of neurons or filters. The features of the first n units are those of a layer with n units."""

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""

    @property
    @abstractmethod
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the features, without the constant one."""

    @property
    @abstractmethod
    def scale(self) -> np.float32:
        """Factor of the seeded weights."""

    @abstractmethod
    def __call__(self, inputs: Array) -> Floats:
        """Return the features, shape (n, features), of inputs of shape (n, …)."""

    @property
    def unit_features(self) -> int:
        """Number of features of each unit."""
        return math.prod(self.output_shape[1:])

    @property
    def features(self) -> int:
        """Number of features, the constant one included."""
        return CONSTANT + math.prod(self.output_shape)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """The weights as float32: seeded numbers times ``scale``, rounded once, as a file rebuilds them."""
        values = philox.uniform(self.seed, 0, math.prod(self.weight_shape)) * np.float64(self.scale)
        return values.astype(np.float32).reshape(self.weight_shape)


class Hidden(ABC):
    """The settings of a hidden layer.

    Attributes:
        kind: name in files.
        unit_field: name of the setting that is the number of units.
    """

    kind: ClassVar[str]
    unit_field: ClassVar[str]

    @abstractmethod
    def layer(self, shape: tuple[int, ...], seed: int) -> Layer:
        """Return the layer for inputs of ``shape`` (without the batch axis).

        Raises:
            ValueError: a setting is out of range, or does not fit the shape.
        """


@dataclass(frozen=True)
class Dense(Hidden):
    """Neurons that see the whole input: activation(x · W · gain · √(3 / inputs) + b), all weights uniform in (−1, 1).

    Attributes:
        neurons: number of neurons.
        activation: ``tanh`` or ``relu``.
        gain: standard deviation of a neuron's input if the inputs are standardized.
    """

    kind: ClassVar[str] = "dense"
    unit_field: ClassVar[str] = "neurons"

    neurons: int = 1000
    activation: str = "tanh"
    gain: float = 1.0

    def layer(self, shape: tuple[int, ...], seed: int) -> DenseLayer:
        """See :class:`Hidden`."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation {self.activation!r} is not one of {', '.join(ACTIVATIONS)}")
        if self.neurons < 1 or not 0 < self.gain < math.inf:
            raise ValueError(f"neurons={self.neurons} and gain={self.gain:g} must be positive")
        return DenseLayer(self, math.prod(shape), seed)


@dataclass(frozen=True)
class DenseLayer(Layer):
    """See :class:`Dense`.

    Attributes:
        settings: the layer's settings.
        inputs: number of inputs.
        seed: seed of the weights; ``seed + 1`` is that of the biases.
    """

    settings: Dense
    inputs: int
    seed: int

    @property
    def units(self) -> int:
        """See :class:`Layer`."""
        return self.settings.neurons

    @property
    def scale(self) -> np.float32:
        """See :class:`Layer`."""
        return np.float32(self.settings.gain * math.sqrt(3 / max(self.inputs, 1)))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """See :class:`Layer`."""
        return self.units, self.inputs

    @property
    def output_shape(self) -> tuple[int, ...]:
        """See :class:`Layer`."""
        return (self.units,)

    @cached_property
    def biases(self) -> NDArray[np.float32]:
        """The biases, shape (neurons,)."""
        return philox.uniform(self.seed + 1, 0, self.units).astype(np.float32)

    def __call__(self, inputs: Array) -> Floats:
        """See :class:`Layer`. Sums are in float64."""
        flat = np.asarray(inputs, np.float64).reshape(len(inputs), self.inputs)
        out = np.ones((len(inputs), self.features))
        sums = flat @ self.weights.T.astype(np.float64)
        sums += self.biases
        out[:, CONSTANT:] = ACTIVATIONS[self.settings.activation](sums)
        return out


@dataclass(frozen=True)
class Convolution(Hidden):
    """Filters with zero mean, ReLU and average pooling, for images of bytes.

    All sums are of integers and exact, so that the features of an image are the same bits in every language.

    Attributes:
        filters: number of filters.
        size: height and width of a filter.
        pool: height and width of the squares that are averaged. What does not fill a square is left out.
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
        if len(shape) == 2:
            shape = (1, *shape)
        if min(self.filters, self.size, self.pool) < 1 or self.bias < 0:
            raise ValueError(f"{self} has a number that is too small")
        if len(shape) != 3 or min(shape[1:]) < self.size + self.pool - 1:
            raise ValueError(
                f"inputs of shape {shape} are too small for filters of {self.size} × {self.size} "
                f"and pooling of {self.pool} × {self.pool}; expected (channels, height, width)"
            )
        layer = ConvolutionLayer(self, (shape[0], shape[1], shape[2]), seed)
        if layer.largest > EXACT:
            raise ValueError(f"{self} on {shape[0]} channels exceeds exact sums; make size or pool smaller")
        return layer


@dataclass(frozen=True)
class ConvolutionLayer(Layer):
    """See :class:`Convolution`.

    With K the integers 2²³ · U of a filter, n of them, and x the bytes of a window: the filter's response is
    Σ (n · K − ΣK) · x + n · size · bias · 2²³ · u. A feature is the sum of the positive responses in a square, divided
    by n · 2²³ · 255 · size · pool².

    Attributes:
        settings: the layer's settings.
        shape: (channels, height, width) of an image.
        seed: seed of the filters; ``seed + 1`` is that of the biases.
    """

    settings: Convolution
    shape: tuple[int, int, int]
    seed: int

    @property
    def units(self) -> int:
        """See :class:`Layer`."""
        return self.settings.filters

    @property
    def scale(self) -> np.float32:
        """See :class:`Layer`."""
        return np.float32(1)

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
        """What the sum over a square is divided by."""
        return float(self.taps * HALF * 255 * self.settings.size * self.settings.pool**2)

    @property
    def largest(self) -> int:
        """No sum is larger."""
        s, n = self.settings, self.taps
        return (2 * n * n * HALF * 255 + n * s.size * s.bias * HALF) * s.pool**2

    @cached_property
    def kernels(self) -> Floats:
        """The integers n · K − ΣK, shape (taps, filters)."""
        numbers = philox.uniform(self.seed, 0, self.units * self.taps).reshape(self.units, self.taps) * HALF
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
