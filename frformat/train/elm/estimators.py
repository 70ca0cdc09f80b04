"""Extreme Learning Machines as scikit-learn estimators."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from frformat.train.elm.hidden import CONSTANT, Dense, Hidden, Layer
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

YES: Final = 1.0
NO: Final = -1.0
"""Targets of a sample's own class, and of all others."""


class _ELM(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

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
        self._solve()  # the ridge and the size remain as they are
        equations = self._fitted()
        for start in range(0, len(inputs), self.batch):
            equations.remove(self._whole(inputs[start : start + self.batch]), targets[start : start + self.batch])
        self._judges, self._solved = None, False

    def _solve(self) -> None:
        """Choose ridge and size, and solve for the output layer, if samples have come or gone since the last time."""
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


class ELMClassifier(ClassifierMixin, _ELM):  # type: ignore[misc]
    """A classifier with a random hidden layer and a ridge regression on top.

    Inputs have shape (n, features), or (n, channels, height, width) for images. Labels are integers or strings.

    Args:
        hidden: the hidden layer: :class:`Dense` for standardized numbers, :class:`Convolution` for images of bytes.
            None means ``Dense()``.
        seed: seed of the hidden layer, 64 bits.
        ridge: the ridge, relative to the mean of the diagonal of HᵀH. None chooses it by leave-one-out errors.
        tolerance: choose the smallest hidden layer whose leave-one-out error exceeds the least by at most this share,
            such as 0.02. None uses the whole layer.
        dtype: ``f64``, or ``f32`` for half the memory.
        memory: number of bytes for matrices in memory; those beyond it are kept in temporary files.
        batch: number of samples that pass through the hidden layer together.

    Attributes:
        classes_: the labels.
    """

    def fit(self, X: Any, y: Any) -> ELMClassifier:  # noqa: N803 - scikit-learn's names
        """Learn from these samples alone."""
        self._reset()
        self.partial_fit(X, y)
        self._solve()
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> ELMClassifier:  # noqa: N803
        """Learn from further samples. Labels that are new become classes.

        Args:
            X: inputs.
            y: their labels, shape (n,).
            classes: labels of all classes. They may also come with their first samples.

        Raises:
            ValueError: inputs do not match earlier ones, or a value is not finite.
        """
        inputs, labels = self._labelled(X, y)
        known = getattr(self, "classes_", None)
        found = np.unique(
            np.concatenate([labels, *(np.asarray(more) for more in (classes, known) if more is not None)])
        )
        if known is None:
            if len(found) < 2:
                raise ValueError(f"{type(self).__name__} needs samples of at least 2 classes, got 1 class")
            self._start(inputs.shape[1:], len(found))
        elif len(found) > len(known):
            self._fitted().add_outputs(len(found) - len(known), NO)
            added = np.setdiff1d(found, known)
            order = np.argsort(np.concatenate([known, added]), kind="stable")
            self._equations.products = self._equations.products[:, order]
        self.classes_ = found
        self._learn(inputs, self._targets(labels))
        return self

    def forget(self, X: Any, y: Any) -> ELMClassifier:  # noqa: N803
        """Remove samples that were learned before, as if they had never been seen.

        Raises:
            ValueError: there are more of them than were learned, or a label was never learned.
        """
        self._fitted()
        inputs, labels = self._labelled(X, y)
        if not np.isin(labels, self.classes_).all():
            raise ValueError("a label is not one of the classes; only samples that were learned can be forgotten")
        self._unlearn(inputs, self._targets(labels))
        return self

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Return the scores: shape (n, classes), or (n,) if there are two classes, as in scikit-learn."""
        scores = self._outputs(X)
        return scores[:, 1] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return the label with the highest score for each input, shape (n,)."""
        labels: Array = self.classes_[self._outputs(X).argmax(1)] if hasattr(self, "classes_") else self._outputs(X)
        return labels

    def _labelled(self, X: Any, y: Any) -> tuple[Array, Array]:  # noqa: N803
        inputs = self._checked(X)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        check_consistent_length(inputs, labels)
        return inputs, labels

    def _targets(self, labels: Array) -> Floats:
        return np.where(labels[:, None] == self.classes_, YES, NO)


class ELMRegressor(RegressorMixin, _ELM):  # type: ignore[misc]
    """A regressor with a random hidden layer and a ridge regression on top.

    Targets have shape (n,) or (n, outputs). The arguments are those of :class:`ELMClassifier`.

    Attributes:
        flat_: whether targets had shape (n,).
    """

    flat_: bool

    def __sklearn_tags__(self) -> Any:
        """See scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> ELMRegressor:  # noqa: N803
        """Learn from these samples alone."""
        self._reset()
        self.partial_fit(X, y)
        self._solve()
        return self

    def partial_fit(self, X: Any, y: Any) -> ELMRegressor:  # noqa: N803
        """Learn from further samples.

        Raises:
            ValueError: inputs or targets do not match earlier ones, or a value is not finite.
        """
        inputs, targets = self._sampled(X, y)
        if not hasattr(self, "_equations"):
            self.flat_ = targets.ndim == 1
            self._start(inputs.shape[1:], 1 if self.flat_ else targets.shape[1])
        self._learn(inputs, targets.reshape(len(targets), -1))
        return self

    def forget(self, X: Any, y: Any) -> ELMRegressor:  # noqa: N803
        """Remove samples that were learned before, as if they had never been seen."""
        self._fitted()
        inputs, targets = self._sampled(X, y)
        self._unlearn(inputs, targets.reshape(len(targets), -1))
        return self

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """Return the outputs, in the shape of the targets."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.flat_ else outputs

    def _sampled(self, X: Any, y: Any) -> tuple[Array, Floats]:  # noqa: N803
        inputs = self._checked(X)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        targets = check_array(y, dtype=np.float64, ensure_2d=False, estimator=self)
        check_consistent_length(inputs, targets)
        return inputs, targets
