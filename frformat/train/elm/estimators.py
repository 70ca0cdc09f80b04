"""Extreme Learning Machines as scikit-learn estimators."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from frformat.train.elm.machine import Machine

Array = NDArray[Any]
Floats = NDArray[np.float64]

YES: Final = 1.0
NO: Final = -1.0
"""Target values for a sample's own class and for all other classes."""


class ELMClassifier(ClassifierMixin, Machine):  # type: ignore[misc]
    """A classifier with a random hidden layer and a ridge regression on top.

    Inputs have shape (n, features), or (n, channels, height, width) for images. Labels are integers or strings.

    Args:
        hidden: the hidden layer: :class:`Dense` for standardized numbers, :class:`Convolution` for uint8 images.
            None means ``Dense()``.
        seed: seed of the hidden layer, 64 bits.
        ridge: the ridge, relative to the mean of the diagonal of HᵀH. None chooses it by leave-one-out errors.
        tolerance: choose the smallest hidden layer whose leave-one-out error exceeds the lowest by at most this share,
            such as 0.02. None uses the whole layer.
        dtype: ``f64``, or ``f32`` for half the memory.
        memory: bytes of memory for matrices; matrices that do not fit are kept in temporary files.
        batch: number of samples that pass through the hidden layer together.

    Attributes:
        classes_: the labels.
    """

    def fit(self, X: Any, y: Any) -> ELMClassifier:  # noqa: N803 - scikit-learn's names
        """Forget everything learned before, and learn from these samples."""
        self._reset()
        self.partial_fit(X, y)
        self._solve()
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> ELMClassifier:  # noqa: N803
        """Learn from further samples. New labels become classes.

        If learning ends halfway, for example because of Ctrl-C, the estimator has forgotten everything.

        Args:
            X: inputs.
            y: their labels, shape (n,).
            classes: labels of all classes. Classes can also be added with their first samples.

        Raises:
            ValueError: inputs do not match earlier ones, a value is not finite, or some labels are strings and others
                numbers. The estimator is then unchanged.
        """
        inputs, labels = self._labelled(X, y)
        known = getattr(self, "classes_", None)
        given = [labels, *(column_or_1d(more) for more in (classes, known) if more is not None)]
        _check_alike(given)
        found = np.unique(np.concatenate(given))
        with self._all_or_nothing():
            if known is None:
                if len(found) < 2:
                    raise ValueError(f"{type(self).__name__} needs samples of at least 2 classes, got 1 class")
                self._start(inputs.shape[1:], len(found))
            elif len(found) > len(known):
                added = np.setdiff1d(found, known)
                order = np.argsort(np.concatenate([known, added]), kind="stable")
                self._add_outputs(len(added), NO, order)
            self.classes_ = found
            self._learn(inputs, self._targets(labels))
        return self

    def forget(self, X: Any, y: Any) -> ELMClassifier:  # noqa: N803
        """Remove samples that were learned before, as if they had never been seen.

        The ridge and the size that have been chosen so far stay fixed, whatever is learned later. If a removed sample
        was so much larger than the others that rounding has erased them, the estimator raises
        :class:`IllConditionedError` instead of predicting, until it is fitted again.

        Raises:
            ValueError: there are more samples than were learned, in total or of a class, or a label was never learned.
                The estimator is then unchanged.
        """
        equations = self._fitted()
        inputs, labels = self._labelled(X, y)
        _check_alike([labels, self.classes_])
        if not np.isin(labels, self.classes_).all():
            raise ValueError("a label is not one of the classes; only samples that were learned can be forgotten")
        learned = (equations.products[0] - NO * equations.samples) / (YES - NO)  # from the sums of the constant feature
        for label, known in zip(self.classes_, learned, strict=True):
            found = np.count_nonzero(labels == label)
            if known < found and len(labels) <= equations.samples:
                raise ValueError(f"cannot remove {found} of {known:.0f} samples of the class {label}")
        self._unlearn(inputs, self._targets(labels))
        return self

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Return the scores: shape (n, classes), or (n,) if there are two classes, as in scikit-learn."""
        scores = self._outputs(X)
        return scores[:, 1] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return the label with the highest score for each input, shape (n,)."""
        chosen = self._outputs(X).argmax(1)
        labels: Array = self.classes_[chosen]
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


def _check_alike(labels: list[Array]) -> None:
    """Check that labels have a common type. NumPy turns numbers into strings, and some integers into floats."""
    kinds = {"strings" if each.dtype.kind in "USO" else "numbers" for each in labels}
    if len(kinds) > 1:
        raise ValueError("labels must be either all strings or all numbers, in all calls")
    if all(each.dtype.kind in "iu" for each in labels) and np.result_type(*labels).kind == "f":
        raise ValueError("labels of int64 and uint64 have no common integer type: convert all of them to one type")


class ELMRegressor(RegressorMixin, Machine):  # type: ignore[misc]
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
        """Forget everything learned before, and learn from these samples."""
        self._reset()
        self.partial_fit(X, y)
        self._solve()
        return self

    def partial_fit(self, X: Any, y: Any) -> ELMRegressor:  # noqa: N803
        """Learn from further samples.

        Raises:
            ValueError: inputs or targets do not match earlier ones, or a value is not finite. The estimator is then
                unchanged.
        """
        inputs, targets = self._sampled(X, y)
        with self._all_or_nothing():
            if not hasattr(self, "_equations"):
                self.flat_ = targets.ndim == 1
                self._start(inputs.shape[1:], 1 if self.flat_ else targets.shape[1])
            self._learn(inputs, targets.reshape(len(targets), -1))
        return self

    def forget(self, X: Any, y: Any) -> ELMRegressor:  # noqa: N803
        """Remove samples that were learned before; see :meth:`ELMClassifier.forget`."""
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
