"""How many purchases will come: intervals of a count whose tail is known, and its mass in a few bins."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Tail = Callable[[Indices, Floats], Floats]
"""From rows and a count of at least 1 for each to the probability of that count or more, all of shape (rows,)."""

BINS = 16
FAR = 0.999
MOST_PURCHASES = 2.0**40
TOLERANCE = 1e-4


@dataclass(frozen=True)
class CountBins:
    """The distribution of a count above 0 in bins: their middles and probabilities, each of shape (rows, bins).

    Up to ``BINS`` each count has a bin of its own. What is left to 1 is the probability of none.
    """

    purchases: Floats
    mass: Floats

    def take(self, rows: Indices) -> "CountBins":
        """The bins of these rows."""
        return CountBins(self.purchases[rows], self.mass[rows])


def least_count(tail: Tail, level: Floats) -> Floats:
    """The least count that is not exceeded with a probability of ``level``, shape (rows,).

    >>> least_count(lambda rows, n: 0.5**n, np.array([0.4, 0.5, 0.9]))
    array([0., 0., 3.])
    """
    low, high = np.full(len(level), -1.0), np.zeros(len(level))
    rows = np.arange(len(level))
    while len(rows):
        exceeded = tail(rows, high[rows] + 1) > 1 - level[rows]
        rows = rows[exceeded & (high[rows] < MOST_PURCHASES)]
        low[rows] = high[rows]
        high[rows] = 2 * high[rows] + 1
    rows = np.flatnonzero(high - low > 1)
    while len(rows):
        middle = np.floor((low[rows] + high[rows]) / 2)
        exceeded = tail(rows, middle + 1) > 1 - level[rows]
        low[rows[exceeded]] = middle[exceeded]
        high[rows[~exceeded]] = middle[~exceeded]
        rows = rows[high[rows] - low[rows] > 1]
    return high


def count_interval(tail: Tail, rows: int, share: float) -> tuple[Floats, Floats]:
    """The lowest and the highest count, shape (rows,), between which at least ``share`` of the probability lies.

    Half of what is outside may lie below; where less does, as for all who may well buy nothing, more may lie above.
    So the interval is no longer than it must be.
    """
    low = least_count(tail, np.full(rows, (1 - share) / 2))
    below, some = np.zeros(rows), np.flatnonzero(low > 0)
    below[some] = 1 - tail(some, low[some])
    return low, least_count(tail, np.minimum(below + share, 1 - (1 - share) / 2))


def count_bins(tail: Tail, rows: int) -> CountBins:
    """The distribution of the count in bins of about equal width, up to what is exceeded once in a thousand times."""
    far = np.maximum(least_count(tail, np.full(rows, FAR)), 1.0)
    edges = np.ceil(far[:, None] * np.arange(BINS) / BINS)
    above = np.empty((rows, BINS))
    above[:, 0] = tail(np.arange(rows), np.ones(rows))
    for bin_ in range(1, BINS):
        above[:, bin_] = above[:, bin_ - 1]
        new = np.flatnonzero(edges[:, bin_] > edges[:, bin_ - 1])
        above[new, bin_] = tail(new, edges[new, bin_] + 1)
    mass = np.maximum(-np.diff(above, axis=1, append=0.0), 0.0)
    upper = np.concatenate([edges[:, 1:], far[:, None]], axis=1)
    return CountBins((edges + 1 + np.maximum(upper, edges + 1)) / 2, mass)


def solved(distribution: Tail, level: Floats, low: Floats, high: Floats) -> Floats:
    """Where a continuous distribution function reaches ``level`` between ``low`` and ``high``, all of shape (rows,).

    Chandrupatla (1997), Advances in Engineering Software 28(3); to within 1e-4 of the place or of the level.
    """
    if not len(level):
        return np.zeros(0)
    found = find_root(
        lambda x, row: distribution(row, x) - level[row],
        (low, high),
        args=(np.arange(len(level)),),
        tolerances={"xatol": TOLERANCE, "xrtol": TOLERANCE, "fatol": TOLERANCE, "frtol": 0.0},
    )
    return np.asarray(found.x)
