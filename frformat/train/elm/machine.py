"""The common base of the classifier and the regressor: it accumulates samples, chooses ridge and size, and solves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
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
    _layer: Layer
    _whole: Layer
    _judged: tuple[Array, Floats] | None
    _every: int
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
        self._fitted()
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
        """Turn this into a model that can predict but not learn, with all units of ``layer`` and these weights."""
        self._adopt(shape, layer)
        self._weights, self._solved = weights, True

    def _adopt(self, shape: tuple[int, ...], layer: Layer) -> None:
        self._layer = self._whole = layer
        self.shape_, self.n_features_in_ = shape, int(np.prod(shape))

    def _reset(self) -> None:
        """Forget everything."""
        for name in ("shape_", "classes_", "_equations"):
            self.__dict__.pop(name, None)
        self._solved = False

    def _check_settings(self) -> None:
        if not isinstance(self.batch, Integral) or self.batch < 1:
            raise ValueError(f"batch must be a positive whole number, not {self.batch!r}")
        if not isinstance(self.seed, Integral) or not 0 <= self.seed < 2**64 - 1:  # the next one is that of the biases
            raise ValueError(f"seed must be a whole number from 0 to 2**64 - 2, not {self.seed!r}")
        if self.hidden is not None and not isinstance(self.hidden, Hidden):
            raise ValueError(f"hidden must be a layer, such as Dense(neurons=300), not {self.hidden!r}")
        for name in ("ridge", "tolerance", "memory"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and 0 <= value < np.inf):
                raise ValueError(f"{name} must be a finite number of at least 0, or None, not {value!r}")

    def _start(self, shape: tuple[int, ...], outputs: int) -> None:
        self._check_settings()
        hidden = Dense() if self.hidden is None else self.hidden
        self._adopt(shape, hidden.layer(shape, int(self.seed)))
        self._equations = NormalEquations(self._whole.features, outputs, dtype=self.dtype, memory=self.memory)
        self._chosen = Choice(np.nan if self.ridge is None else self.ridge, self._whole.features, np.nan)
        judging = self.ridge is None or self.tolerance is not None
        self._judged = (np.empty((0, *shape), np.uint8), np.empty((0, outputs))) if judging else None
        self._every = 1

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Within a ``with`` block, undo what has changed if learning fails, such as new classes.

        Forget everything if it fails halfway, for example because of Ctrl-C: the sums contain a part of the samples.
        """
        before = dict(vars(self))
        equations = before.get("_equations")
        products, samples = (None, 0) if equations is None else (equations.products, equations.samples)
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if equations is not None:
                equations.products = products
                if equations.samples != samples:
                    self._reset()
            raise

    def _learn(self, inputs: Array, targets: Floats) -> None:
        self._check_settings()
        equations = self._fitted()
        seen = equations.samples
        for features, wanted in self._checked_batches(inputs, targets):
            equations.add(features, wanted)
        if self._judged is not None:
            self._judge(seen, inputs, targets)
        self._solved = False

    def _checked_batches(self, inputs: Array, targets: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Yield the features and targets of each batch. All are checked first, so that no part is learned alone."""
        equations = self._fitted()
        cuts = [slice(start, start + self.batch) for start in range(0, len(inputs), self.batch)]
        samples = equations.samples + len(inputs)
        if len(cuts) > 1 and self._whole.bound(inputs) >= equations.limit(samples):  # a feature may be too large
            for cut in cuts:
                equations.check_features(self._whole(inputs[cut]), samples)
        equations.check_targets(targets, samples)
        for cut in cuts:
            yield self._whole(inputs[cut]), targets[cut]

    def _judge(self, seen: int, inputs: Array, targets: Floats) -> None:
        """Keep every nth sample for leave-one-out errors; n doubles whenever more than :data:`JUDGED` are kept."""
        assert self._judged is not None
        chosen = slice(-seen % self._every, None, self._every)
        pairs = [*zip(self._judged, (inputs[chosen], targets[chosen]), strict=True)]
        kept, wanted = (np.concatenate(pair if len(pair[0]) else pair[1:]) for pair in pairs)
        while len(kept) > JUDGED:
            kept, wanted, self._every = kept[::2], wanted[::2], 2 * self._every
        self._judged = np.ascontiguousarray(kept), np.ascontiguousarray(wanted)

    def _add_outputs(self, count: int, target: float, order: Array) -> None:
        """Add outputs whose target is ``target`` for all samples so far, then put all outputs in the given order."""
        equations = self._fitted()
        equations.add_outputs(count, target)
        equations.products = equations.products[:, order]
        if self._judged is not None:
            inputs, targets = self._judged
            self._judged = inputs, np.hstack([targets, np.full((len(targets), count), target)])[:, order]

    def _unlearn(self, inputs: Array, targets: Floats) -> None:
        self._solve()  # the ridge and the size stay unchanged
        equations = self._fitted()
        if len(inputs) > equations.samples:
            raise ValueError(f"cannot remove {len(inputs)} of {equations.samples} samples")
        with self._all_or_nothing():
            for features, wanted in self._checked_batches(inputs, targets):
                equations.remove(features, wanted)
        self._judged, self._solved = None, False

    def _solve(self) -> None:
        """Choose ridge and size, and solve for the output layer, if the samples have changed."""
        if self._solved:
            return
        equations = self._fitted()
        if self._judged is not None:
            inputs, targets = self._judged
            self._chosen, factor = self._choose(self._whole(inputs), targets)
        else:
            factor = equations.factor(self._chosen.ridge)
            self._chosen = replace(self._chosen, ridge=factor.ridge)
        self._weights = factor.weights(self._chosen.features)
        units = (self._chosen.features - CONSTANT) // self._whole.unit_features
        if units == self._whole.units:
            self._layer = self._whole
        else:
            settings: Any = self._whole.settings
            fewer: Hidden = replace(settings, **{settings.unit_field: units})
            self._layer = fewer.layer(self.shape_, self._whole.seed)
        self._solved = True

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
            why = "was loaded from a file without sums to continue from" if self._solved else "has not been fitted yet"
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
