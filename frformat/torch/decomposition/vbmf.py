"""Estimate the rank of a noisy matrix by empirical variational Bayesian matrix factorization (EVBMF).

S. Nakajima, M. Sugiyama, S. D. Babacan, R. Tomioka, "Global analytic solution of fully-observed variational Bayesian
matrix factorization", JMLR 14, 2013; the threshold and the objective for the noise variance are those of S. Nakajima,
R. Tomioka, M. Sugiyama, S. D. Babacan, "Perfect dimensionality recovery by variational Bayesian PCA", NIPS 2012.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

GRID: Final = 200
"""Number of noise variances to try before refining the best one: the objective has several minima."""

NEGLIGIBLE: Final = 1e-14
"""Squared singular values below this share of the largest are treated as rounding errors."""

EQUAL: Final = 1e-9
"""Noise variances that differ by a smaller share than this count as equal."""


class Evbmf(NamedTuple):
    """The result of EVBMF.

    Attributes:
        rank: number of singular values above the threshold.
        variance: estimated variance of the noise in each element.
        threshold: the largest singular value that noise alone explains.
    """

    rank: int
    variance: float
    threshold: float


def evbmf(matrix: NDArray[Any]) -> Evbmf:
    """Separate a matrix into a low-rank part and noise of unknown variance.

    >>> rng = np.random.default_rng(0)
    >>> signal = rng.normal(size=(64, 8)) @ rng.normal(size=(8, 576))
    >>> evbmf(signal + rng.normal(size=(64, 576))).rank
    8

    Args:
        matrix: of shape (L, M); which of the two is larger does not matter.

    Raises:
        ValueError: it is not a matrix, has no elements, or has elements that are not finite.
    """
    y = np.asarray(matrix, np.float64)
    if y.ndim != 2 or not y.size or not np.isfinite(y).all():
        raise ValueError(f"EVBMF needs a matrix of finite numbers, not shape {list(y.shape)}")
    if y.shape[0] > y.shape[1]:
        y = y.T
    rows, columns = y.shape
    squares = np.clip(np.linalg.eigvalsh(y @ y.T)[::-1], 0, None)  # squared singular values, in descending order
    if not squares[0]:
        return Evbmf(0, 0.0, 0.0)
    alpha = rows / columns
    edge = _edge(alpha)
    variance = _noise(squares, columns, alpha, edge)
    threshold = float(np.sqrt(columns * variance * edge))
    return Evbmf(int((np.sqrt(squares) > threshold).sum()), variance, threshold)


def _edge(alpha: float) -> float:
    """Return the smallest γ² / (M σ²) at which a component is kept; 2.5129 √α approximates it only near α = 1."""
    from scipy.optimize import brentq  # takes half a second, so `import frformat.torch` does not import it

    def phi(z: float) -> float:
        return float(np.log1p(z) / z - 0.5)

    root = float(brentq(lambda tau: phi(tau) + phi(tau / alpha), 1e-9, 10.0))
    return (1 + root) * (1 + alpha / root)


def _noise(squares: NDArray[np.float64], columns: int, alpha: float, edge: float) -> float:
    """Return the variance that minimizes the free energy."""
    from scipy.optimize import minimize_scalar

    rows = len(squares)
    safe = np.maximum(squares, squares[0] * NEGLIGIBLE)

    def energy(variance: float) -> float:
        x = safe / (columns * variance)
        kept = x[x > edge] - (1 + alpha)
        tau = (kept + np.sqrt(kept * kept - 4 * alpha)) / 2
        return float((x - np.log(x)).sum() + (np.log1p(tau) + alpha * np.log1p(tau / alpha) - tau).sum())

    highest = squares.sum() / (rows * columns)
    most = min(int(np.ceil(rows / (1 + alpha))) - 1, rows - 1)  # largest possible number of components
    lowest = max(squares[most] / (columns * edge), squares[most:].mean() / columns, highest * 1e-12)
    if lowest > highest * (1 - EQUAL):  # a matrix of one row, or one whose singular values are all equal
        return float(highest)
    grid = np.geomspace(lowest, highest, GRID)
    energies = [energy(variance) for variance in grid]
    best = int(np.argmin(energies))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    refined = minimize_scalar(energy, bounds=bounds, method="bounded")
    return float(refined.x if refined.fun <= energies[best] else grid[best])
