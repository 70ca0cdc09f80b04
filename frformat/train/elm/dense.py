"""A hidden layer of neurons, each of which is connected to all inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from frformat.spectral import philox
from frformat.train.elm.hidden import CONSTANT, Array, Floats, Hidden, Layer

ACTIVATIONS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "tanh": lambda z: np.tanh(z, out=z),
    "relu": lambda z: np.maximum(z, 0, out=z),
}


@dataclass(frozen=True)
class Dense(Hidden):
    """Neurons connected to all inputs: activation(x · W · gain · √(3 / inputs) + b), all weights uniform in (−1, 1).

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
        self.check_whole("neurons")
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
        seed: seed of the weights; the seed of the biases is ``seed + 1``.
    """

    settings: Dense
    inputs: int
    seed: int

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

    def bound(self, inputs: Array) -> float:
        """See :class:`Layer`."""
        if self.settings.activation == "tanh" or not inputs.size:
            return 0.0
        largest = float(np.abs(inputs).max())
        return largest * float(np.abs(self.weights).sum(1).max()) + float(np.abs(self.biases).max())

    def __call__(self, inputs: Array) -> Floats:
        """See :class:`Layer`. Sums are in float64."""
        flat = np.asarray(inputs, np.float64).reshape(len(inputs), self.inputs)
        out = np.ones((len(inputs), self.features))
        sums = flat @ self.weights.T.astype(np.float64)
        sums += self.biases
        out[:, CONSTANT:] = ACTIVATIONS[self.settings.activation](sums)
        return out
