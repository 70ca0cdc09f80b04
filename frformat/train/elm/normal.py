"""Ridge regression from data in batches: the normal equations, and their Cholesky factor for any ridge and any size."""

from __future__ import annotations

import math
import tempfile
import weakref
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from frformat.dtypes import DTYPES
from frformat.train.elm.hidden import CONSTANT

Array = NDArray[Any]
Floats = NDArray[np.float64]

BLOCK: Final = 1024
"""Number of rows and columns of a block."""

RETRIES: Final = 8
"""Number of ridges to try, each ten times the one before."""


class IllConditionedError(ValueError):
    """Raised if the normal equations cannot be solved in their precision, even with a much larger ridge."""


class Triangle:
    """The lower triangle of a symmetric matrix in square blocks: in memory, or in a temporary file.

    Args:
        size: number of rows.
        dtype: ``f32`` or ``f64``.
        in_file: whether the blocks are in a file.
    """

    def __init__(self, size: int, dtype: str, *, in_file: bool) -> None:
        self.size = size
        self.dtype = DTYPES[dtype]
        self.rows = [range(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
        self._blocks: dict[tuple[int, int], Array] | None = None if in_file else {}
        self._file: Any = None
        if in_file:
            self._open(b"")

    @staticmethod
    def nbytes(size: int, dtype: str) -> int:
        """Return how many bytes the triangle of a matrix takes."""
        blocks = -(-size // BLOCK)
        return blocks * (blocks + 1) // 2 * BLOCK**2 * DTYPES[dtype].itemsize

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copies and pickles, with the contents of the file instead of the file."""
        state = dict(vars(self))
        if self._file is not None:
            self._file.seek(0)
            state["_file"] = self._file.read()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["_file"] is not None:
            self._open(state["_file"])

    def __getitem__(self, place: tuple[int, int]) -> Array:
        """Return a block (0 if it was never set); a copy if it is in a file."""
        i, j = place
        shape = len(self.rows[i]), len(self.rows[j])
        if self._blocks is not None:
            found = self._blocks.get(place)
            return np.zeros(shape, self.dtype) if found is None else found
        assert self._file is not None
        out = np.zeros(shape, self.dtype)
        self._file.seek(self._offset(i, j))
        self._file.readinto(out.data)  # bytes beyond the end of the file stay zero
        return out

    def __setitem__(self, place: tuple[int, int], block: Array) -> None:
        """Set a block."""
        if self._blocks is not None:
            self._blocks[place] = block
            return
        assert self._file is not None
        self._file.seek(self._offset(*place))
        self._file.write(np.ascontiguousarray(block, self.dtype).data)

    def clear(self) -> None:
        """Set all blocks to 0."""
        if self._blocks is not None:
            self._blocks.clear()
        else:
            self._file.truncate(0)

    def diagonal(self) -> Floats:
        """Return the diagonal."""
        return np.concatenate([self[i, i].diagonal() for i in range(len(self.rows))]).astype(np.float64)

    def _open(self, content: bytes) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._file.write(content)

    def _offset(self, i: int, j: int) -> int:
        return (i * (i + 1) // 2 + j) * BLOCK**2 * self.dtype.itemsize


class NormalEquations:
    """The sums HᵀH and HᵀT over all samples, from which :meth:`factor` computes the ridge solution.

    Args:
        features: number of features; the first feature is the constant 1.
        outputs: number of outputs.
        dtype: ``f64``, or ``f32`` for half the memory and twice the speed. HᵀT is always float64.
        memory: bytes of memory for matrices; matrices that do not fit are kept in temporary files.
    """

    def __init__(self, features: int, outputs: int, *, dtype: str = "f64", memory: int | None = None) -> None:
        if dtype not in ("f32", "f64"):
            raise ValueError(f"dtype {dtype!r} is neither f32 nor f64")
        if features < CONSTANT or outputs < 1:
            raise ValueError(f"the numbers of features and outputs must be positive, not {features} and {outputs}")
        self.features, self.dtype = features, dtype
        self._room = float("inf") if memory is None else memory
        self.gram = self._triangle()
        self.products: Floats = np.zeros((features, outputs))
        self._residue = 0.0  # a bound on the rounding errors that removed samples have left in each element of HᵀH

    @property
    def samples(self) -> int:
        """Number of samples that were added and not removed again."""
        return round(float(self.gram[0, 0][0, 0]))

    def limit(self, samples: int) -> float:
        """Return the magnitude that features and targets must stay below if the sums contain this many samples."""
        return math.sqrt(np.finfo(self.gram.dtype).max / max(1, samples))

    def check_features(self, features: Floats, samples: int) -> None:
        """Check that features, shape (n, features), can be part of sums of this many samples.

        Raises:
            ValueError: the shape does not match, a value is not finite, or one is too large for the sums.
        """
        if features.shape[1:] != (self.features,):
            raise ValueError(f"features {features.shape} do not match (n, {self.features})")
        self._check_size(features, samples)

    def check_targets(self, targets: Floats, samples: int) -> None:
        """Check that targets, shape (n, outputs), can be part of sums of this many samples.

        Raises:
            ValueError: the shape does not match, a value is not finite, or one is too large for the sums.
        """
        if targets.shape[1:] != (self.products.shape[1],):
            raise ValueError(f"targets {targets.shape} do not match (n, {self.products.shape[1]})")
        self._check_size(targets, samples)

    def add(self, features: Floats, targets: Floats) -> None:
        """Add samples.

        Args:
            features: shape (n, features); the first is 1.
            targets: shape (n, outputs).

        Raises:
            ValueError: a value is not finite, or is too large for the sums. The sums are then unchanged.
        """
        self._accumulate(features, targets, 1)

    def remove(self, features: Floats, targets: Floats) -> None:
        """Remove samples that were added before.

        Raises:
            ValueError: a value is not finite or is too large, or more samples are removed than there are.
        """
        if len(features) > self.samples:
            raise ValueError(f"cannot remove {len(features)} of {self.samples} samples")
        self._accumulate(features, targets, -1)
        largest = (features**2).max(1, initial=0).astype(self.gram.dtype)
        self._residue += 2 * float(np.spacing(largest).sum(dtype=np.float64))
        if self.samples == 0:
            self.gram.clear()
            self.products = np.zeros_like(self.products)
            self._residue = 0.0

    def add_outputs(self, count: int, target: float) -> None:
        """Add outputs whose target is ``target`` for all samples so far."""
        sums = np.concatenate([self.gram[i, 0][:, 0] for i in range(len(self.gram.rows))]).astype(np.float64)
        self.products = np.hstack([self.products, np.outer(sums, np.full(count, target))])

    def factor(self, ridge: float) -> Factor:
        """Factor HᵀH + ridge · mean · I, where ``mean`` is the mean of the diagonal of HᵀH.

        The constant feature has no ridge and does not count toward the mean. A ridge that is too small for the
        precision is multiplied by 10, repeatedly if necessary.

        Raises:
            ValueError: there are no samples.
            IllConditionedError: even a much larger ridge is not enough, or a removed sample was so much larger than the
                others that rounding has erased them.
        """
        if self.samples < 1:
            raise ValueError("there are no samples to learn from")
        diagonal = self.gram.diagonal()[CONSTANT:]
        mean = float(diagonal.sum()) / max(1, diagonal.size) or 1.0
        if self._residue > math.sqrt(np.finfo(self.gram.dtype).eps) * abs(mean):
            raise IllConditionedError(
                "a sample that was removed was so much larger than the others that rounding has erased them: fit the "
                "samples that are left again"
            )
        for power in range(RETRIES):
            factor = self._cholesky(ridge * 10**power * mean)
            if factor is not None:
                return Factor(factor, self.products, ridge * 10**power)
        raise IllConditionedError(
            f"the equations of {self.features} features and {self.samples} samples have no solution, even with a "
            f"ridge of {ridge * 10 ** (RETRIES - 1):g} times the mean"
        )

    def _accumulate(self, features: Floats, targets: Floats, sign: int) -> None:
        if features.shape[1:] != (self.features,) or targets.shape != (len(features), self.products.shape[1]):
            raise ValueError(
                f"features {features.shape} and targets {targets.shape} do not match "
                f"(n, {self.features}) and (n, {self.products.shape[1]})"
            )
        samples = len(features) + self.samples
        self.check_features(features, samples)
        self.check_targets(targets, samples)
        narrow = features.astype(self.gram.dtype, copy=False)
        signed = narrow if sign == 1 else -narrow
        for i, rows in enumerate(self.gram.rows):
            left = signed[:, rows.start : rows.stop].T
            for j, columns in enumerate(self.gram.rows[: i + 1]):
                block = self.gram[i, j]
                block += left @ narrow[:, columns.start : columns.stop]
                self.gram[i, j] = block
        self.products += sign * (features.T @ targets)

    def _check_size(self, values: Floats, samples: int) -> None:
        limit = self.limit(samples)
        if not np.abs(values).max(initial=0) < limit:
            raise ValueError(f"a feature or target is not finite, or larger than {limit:.2g}")

    def _triangle(self) -> Triangle:
        size = Triangle.nbytes(self.features, self.dtype)
        in_file = size > self._room
        if not in_file:
            self._room -= size
        return Triangle(self.features, self.dtype, in_file=in_file)

    def _cholesky(self, ridge: float) -> Triangle | None:
        """Compute the factor, one column of blocks at a time; return None if a pivot is not positive."""
        size = Triangle.nbytes(self.features, self.dtype)
        out = Triangle(self.features, self.dtype, in_file=size > self._room)
        count = len(out.rows)
        (potrf,) = lapack.get_lapack_funcs(("potrf",), dtype=out.dtype)
        for j in range(count):
            panel = [self.gram[i, j].copy() for i in range(j, count)]
            start = CONSTANT if j == 0 else 0
            places = np.arange(start, len(out.rows[j]))
            panel[0][places, places] += self.gram.dtype.type(ridge)
            for k in range(j):
                pivot = out[j, k].T
                for i in range(j, count):
                    panel[i - j] -= out[i, k] @ pivot
            corner, info = potrf(panel[0], lower=1, clean=1)
            if info != 0 or not np.isfinite(corner).all():
                return None
            out[j, j] = np.ascontiguousarray(corner)
            for i in range(j + 1, count):
                solved = solve_triangular(corner, panel[i - j].T, lower=True, check_finite=False)
                out[i, j] = np.ascontiguousarray(solved.T)
        return out


class Factor:
    """A Cholesky factor L of the normal equations. Its leading part solves the equations of the first features.

    Attributes:
        ridge: the ridge, relative to the mean of the diagonal.
    """

    def __init__(self, lower: Triangle, products: Floats, ridge: float) -> None:
        self.ridge = ridge
        self._lower = lower
        self.solved = self.forward(products)

    def forward(self, columns: Floats) -> Floats:
        """Return L⁻¹ · columns, shape (features, n)."""
        out = np.array(columns, np.float64)
        rows = self._lower.rows
        for i, here in enumerate(rows):
            part = out[here.start : here.stop]
            for j in range(i):
                part -= self._lower[i, j].astype(np.float64, copy=False) @ out[rows[j].start : rows[j].stop]
            corner = self._lower[i, i].astype(np.float64, copy=False)
            part[:] = solve_triangular(corner, part, lower=True, check_finite=False)
        return out

    def weights(self, features: int | None = None) -> Floats:
        """Return the solution for the first ``features`` features, shape (features, outputs)."""
        size = self._lower.size if features is None else features
        out = self.solved[:size].copy()
        rows = [here for here in self._lower.rows if here.start < size]
        for i in reversed(range(len(rows))):
            part = out[rows[i].start : rows[i].stop]
            corner = self._lower[i, i][: len(part), : len(part)].astype(np.float64, copy=False)
            part[:] = solve_triangular(corner, part, lower=True, trans="T", check_finite=False)
            for j in range(i):
                block = self._lower[i, j][: len(part)].astype(np.float64, copy=False)
                out[rows[j].start : rows[j].stop] -= block.T @ part
        return out
