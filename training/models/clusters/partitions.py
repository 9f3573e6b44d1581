"""Two ways to divide points into groups: around centres (k-means), or as a mixture of normal distributions.

Both assign a point by sums over dimensions alone: its group is the same to the last bit alone and among others.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

KMEANS_STARTS = 4
MIXTURE_STARTS = 1
LEAST_VARIANCE = 1e-2
"""Added to the variances of a mixture, of points whose own is about 1: no group shrinks to customers who are equal."""
ROWS_PER_DIMENSION = 5
"""A normal distribution is fitted to no fewer rows for each dimension and group."""


@dataclass(frozen=True)
class Partition:
    """A way to divide points of some dimensions into ``len(centres)`` groups.

    A point belongs where offset − ½ |(point − centre) · factor|² is greatest: ``factors`` holds for each group the rows
    of a square matrix (k-means: None, the identity), ``offsets`` the log of its weight and normalisation.
    ``bic``: Bayesian information criterion, less is better; None for k-means, which has no likelihood.
    """

    kind: str
    centres: tuple[tuple[float, ...], ...]
    offsets: tuple[float, ...]
    factors: tuple[tuple[tuple[float, ...], ...], ...] | None = None
    bic: float | None = None

    def labels(self, points: Floats) -> Labels:
        """The group of each point, from 0, shape (rows,)."""
        return np.asarray(self._scores(points).argmax(axis=1), dtype=np.int64)

    def _scores(self, points: Floats) -> Floats:
        parts = []
        for group, (centre, offset) in enumerate(zip(self.centres, self.offsets, strict=True)):
            away = [points[:, d] - c for d, c in enumerate(centre)]
            square = np.zeros(len(points))
            for side in away if self.factors is None else _times(away, self.factors[group]):
                square += side * side
            parts.append(offset - 0.5 * square)
        return np.stack(parts, axis=1)


def _times(away: list[Floats], factor: tuple[tuple[float, ...], ...]) -> list[Floats]:
    """Row vectors times a matrix, column by column."""
    columns = []
    for column in range(len(factor)):
        total = np.zeros(len(away[0]))
        for row, values in enumerate(away):
            if factor[row][column] != 0:
                total += values * factor[row][column]
        columns.append(total)
    return columns


def fit_kmeans(points: Floats, groups: int, seed: int, start: Floats | None = None) -> Partition:
    """Groups around centres, by Lloyd's algorithm from several starts, or from the centres given."""
    init, starts = ("k-means++", KMEANS_STARTS) if start is None else (start, 1)
    with _quietly():
        fitted = KMeans(groups, init=init, n_init=starts, random_state=seed, algorithm="lloyd").fit(points)
    return Partition("kmeans", _rows(fitted.cluster_centers_), (0.0,) * groups)


def fit_mixture(points: Floats, groups: int, seed: int, start: Floats | None = None) -> Partition:
    """Groups as normal distributions with covariances of their own, by expectation maximisation from k-means or the means given."""
    mixture = GaussianMixture(
        groups, reg_covar=LEAST_VARIANCE, n_init=MIXTURE_STARTS, means_init=start, random_state=seed
    )
    with _quietly():
        mixture.fit(points)
    factors = mixture.precisions_cholesky_
    volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    return Partition(
        "mixture",
        _rows(mixture.means_),
        tuple(float(offset) for offset in np.log(mixture.weights_) + volumes),
        tuple(_rows(factor) for factor in factors),
        float(mixture.bic(points)),
    )


class Fit(Protocol):
    """Divides points into so many groups, from a start of its own or from centres of shape (groups, dimensions)."""

    def __call__(self, points: Floats, groups: int, seed: int, start: Floats | None = None) -> Partition:
        """Give the groups."""


KINDS: dict[str, Fit] = {"kmeans": fit_kmeans, "mixture": fit_mixture}


def can_carry(kind: str, points: Floats, groups: int) -> bool:
    """Whether so many points suffice for so many groups of a kind."""
    each = ROWS_PER_DIMENSION * (points.shape[1] if kind == "mixture" else 1)
    return len(points) >= groups * each and len(np.unique(points, axis=0)) > groups


@contextmanager
def _quietly() -> Iterator[None]:
    """One thread, so that sums always run in the same order; groups that did not settle show in their stability."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)
