"""A value's place among the company's own: the share of the others that lie below it, ties shared."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_POINTS = 1001
"""Of more distinct values than this only so many quantiles are kept."""


@dataclass(frozen=True)
class Places:
    """Rising values and the place of each, from 0 (lowest) to 1 (highest)."""

    values: tuple[float, ...]
    places: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.places) or not all(low < high for low, high in pairwise(self.values)):
            raise ValueError("values must rise, and each needs its place")

    def of(self, values: Floats) -> Floats:
        """The place of each value, between those of its neighbours where it is new; NaN stays NaN."""
        if not self.values:
            return np.full(len(values), np.nan)
        return np.asarray(np.interp(values, self.values, self.places))


def fit_places(values: Floats) -> Places:
    """The places of the finite ones among ``values``: of n, the one with b below and e equal to it has (b + (e − 1) / 2) /
    (n − 1), so that their mean is a half; all alike have a half.
    """
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    total = int(counts.sum())
    below = np.cumsum(counts) - counts
    places = (below + (counts - 1) / 2) / (total - 1) if total > 1 else np.full(len(distinct), 0.5)
    if len(distinct) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(distinct) - 1, MOST_POINTS).round().astype(np.int64))
        distinct, places = distinct[kept], places[kept]
    return Places(tuple(distinct.tolist()), tuple(places.tolist()))
