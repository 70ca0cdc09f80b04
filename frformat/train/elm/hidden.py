"""The base of all hidden layers, whose random weights are determined by a seed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from numbers import Integral
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from frformat.spectral import philox

Array = NDArray[Any]
Floats = NDArray[np.float64]

CONSTANT: Final = 1
"""Number of constant features. They come first."""


class Layer(ABC):
    """A hidden layer for inputs of a given shape.

    Attributes:
        settings: the layer's settings.
        seed: seed of the weights; ``seed + 1`` is that of the biases.
    """

    settings: Hidden
    seed: int

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""

    @property
    @abstractmethod
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the features, without the constant feature."""

    @abstractmethod
    def __call__(self, inputs: Array) -> Floats:
        """Return the features, shape (n, features), of inputs of shape (n, …)."""

    def bound(self, inputs: Array) -> float:
        """Return a number that no feature of the inputs exceeds in magnitude; 0 if they are small for all inputs."""
        return 0.0

    @property
    def units(self) -> int:
        """Number of neurons or filters. The features of the first n units are those of a layer with n units."""
        units: int = getattr(self.settings, self.settings.unit_field)
        return units

    @property
    def scale(self) -> np.float32:
        """Factor of the seeded weights."""
        return np.float32(1)

    @property
    def unit_features(self) -> int:
        """Number of features of each unit."""
        return math.prod(self.output_shape[1:])

    @property
    def features(self) -> int:
        """Number of features, including the constant feature."""
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
            ValueError: a setting is not a whole number or is out of range, or does not fit the shape.
        """

    def check_whole(self, *names: str) -> None:
        """Check that settings are whole numbers.

        Raises:
            ValueError: one is not.
        """
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, Integral):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
