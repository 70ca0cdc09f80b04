"""What the classifier and the regressor share: accumulating samples, choosing ridge and size, and solving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array

from frformat.train.elm.dense import Dense
from frformat.train.elm.hidden import CONSTANT, Hidden, Layer
from frformat.train.elm.normal import Factor, NormalEquations
from frformat.train.elm.selection import Choice, choose, leave_one_out

Array = NDArray[Any]
Floats = NDArray[np.float64]

RIDGES: Final = tuple(10.0 ** (power / 2) for power in range(-12, -1))
"""Ridges to choose from: 1e-6 to 0.1 in half decades."""

SIZES: Final = 64
"""Largest number of sizes to choose from."""

JUDGED: Final = 4096
"""Largest number of samples for which leave-one-out errors are computed."""


class Machine(BaseEstimator):  # type: ignore[misc]
    """The base of both estimators. See :class:`~frformat.train.elm.ELMClassifier` for its arguments."""

    shape_: tuple[int, ...]
    _settings: Hidden
    _layer: Layer
    _whole: Layer
    _judges: tuple[Floats, Floats] | None
    _solved = False

    def __init__(
        self,
        hidden: Hidden | None = None,
        *,
        seed: int = 0,
        ridge: float | None = None,
        tolerance: float | None = None,
        dtype: str = "f64",
        memory: int | None = None,
        batch: int = 1000,
    ) -> None:
        self.hidden = hidden
        self.seed = seed
        self.ridge = ridge
        self.tolerance = tolerance
        self.dtype = dtype
        self.memory = memory
        self.batch = batch

    @property
    def samples_(self) -> int:
        """Number of samples learned and not forgotten."""
        return self._fitted().samples

    @property
    def weights_(self) -> Floats:
        """The output layer, shape (features, outputs). Row 0 belongs to the constant feature."""
        self._solve()
        return self._weights

    @property
    def ridge_(self) -> float:
        """The ridge, relative to the mean of the diagonal of HᵀH."""
        self._solve()
        return self._chosen.ridge

    @property
    def units_(self) -> int:
        """Number of neurons or filters in use."""
        return self.layer_.units

    @property
    def layer_(self) -> Layer:
        """The hidden layer, with only the units in use."""
        self._solve()
        return self._layer

    def restore(self, shape: tuple[int, ...], layer: Layer, weights: Floats) -> None:
        """Become a model that predicts and cannot learn, with all units of ``layer`` and these weights."""
        self._settings = Dense() if self.hidden is None else self.hidden
        self._layer = self._whole = layer
        self.shape_, self.n_features_in_ = shape, int(np.prod(shape))
        self._weights, self._solved = weights, True

    def _reset(self) -> None:
        """Forget everything."""
        for name in ("shape_", "classes_", "_equations"):
            self.__dict__.pop(name, None)
        self._solved = False

    def _start(self, shape: tuple[int, ...], outputs: int) -> None:
        self._settings = Dense() if self.hidden is None else self.hidden
        self._layer = self._whole = self._settings.layer(shape, self.seed)
        self.shape_ = shape
        self.n_features_in_ = int(np.prod(shape))
        self._equations = NormalEquations(self._whole.features, outputs, dtype=self.dtype, memory=self.memory)
        self._judges = None

    def _learn(self, inputs: Array, targets: Floats) -> None:
        equations = self._fitted()
        every = max(1, -(-len(inputs) // JUDGED))
        features, kept = [], targets[::every]
        for start in range(0, len(inputs), self.batch):
            part = self._whole(inputs[start : start + self.batch])
            equations.add(part, targets[start : start + self.batch])
            if self.ridge is None or self.tolerance is not None:
                features.append(part[-start % every :: every].copy())
        self._judges = (np.concatenate(features), kept) if features else None
        self._solved = False

    def _unlearn(self, inputs: Array, targets: Floats) -> None:
        self._solve()  # the ridge and the size stay unchanged
        equations = self._fitted()
        for start in range(0, len(inputs), self.batch):
            equations.remove(self._whole(inputs[start : start + self.batch]), targets[start : start + self.batch])
        self._judges, self._solved = None, False

    def _solve(self) -> None:
        """Choose ridge and size, and solve for the output layer, if the samples have changed."""
        if self._solved:
            return
        equations = self._fitted()
        if self._judges is not None:
            self._chosen, factor = self._choose(*self._judges)
        else:
            if self.ridge is not None:
                self._chosen = Choice(self.ridge, self._whole.features, np.nan)
            factor = equations.factor(self._chosen.ridge)
        self._weights = factor.weights(self._chosen.features)
        units = (self._chosen.features - CONSTANT) // self._whole.unit_features
        if units == self._whole.units:
            self._layer = self._whole
        else:
            fewer: Hidden = replace(self._settings, **{self._settings.unit_field: units})  # type: ignore[type-var]
            self._layer = fewer.layer(self.shape_, self.seed)
        self._judges, self._solved = None, True

    def _choose(self, features: Floats, targets: Floats) -> tuple[Choice, Factor]:
        """Return the best ridge and size by leave-one-out errors, and the factor of that ridge."""
        layer = self._whole
        count = 1 if self.tolerance is None else min(SIZES, layer.units)
        units = sorted({round(layer.units * (i + 1) / count) for i in range(count)})
        sizes = [CONSTANT + n * layer.unit_features for n in units]
        choices = []
        for ridge in RIDGES if self.ridge is None else (self.ridge,):
            factor = self._fitted().factor(ridge)
            errors = ((leave_one_out(factor, features, targets, sizes) - targets) ** 2).mean((1, 2))
            choices += [Choice(factor.ridge, size, float(e)) for size, e in zip(sizes, errors, strict=True)]
        best = choose(choices, self.tolerance or 0.0)
        return best, factor if factor.ridge == best.ridge else self._fitted().factor(best.ridge)

    def _outputs(self, inputs: Array) -> Floats:
        inputs = self._checked(inputs)
        weights, layer = self.weights_, self.layer_
        parts = [layer(inputs[start : start + self.batch]) @ weights for start in range(0, len(inputs), self.batch)]
        return np.concatenate(parts)

    def _fitted(self) -> NormalEquations:
        if not hasattr(self, "_equations"):
            why = "was loaded from a file, which has no sums to learn with" if self._solved else "has not learned yet"
            raise NotFittedError(f"this {type(self).__name__} {why}; call fit first")
        return self._equations

    def _checked(self, inputs: Any) -> Array:
        """Return inputs as an array, and compare their shape with that of the samples learned before."""
        dtype = None if getattr(inputs, "dtype", None) == np.uint8 else "numeric"
        found: Array = check_array(inputs, dtype=dtype, allow_nd=True, estimator=self)
        if hasattr(self, "shape_") and found.shape[1:] != self.shape_:
            raise ValueError(
                f"X has {int(np.prod(found.shape[1:]))} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input (shape {self.shape_})"
            )
        return found
