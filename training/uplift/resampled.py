"""How sure the figures of rankings are: all of them on the same resamples of a log's customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.evaluation.bootstrap import Estimate, resamples
from training.uplift.curves import (
    Counts,
    among_top,
    cell_of,
    coefficient,
    perfect_qini_places,
    places_of,
    top_uplift,
)
from training.uplift.log import TreatmentLog

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ROUNDS = 200
BINS = 200
"""Places of a curve in a resample; the figures themselves are exact, only their errors are told by so many."""


@dataclass(frozen=True)
class Draws:
    """Figures of one ranking in each resample, shape (resamples,); means over its scorings."""

    qini: Floats
    top: Floats


def resampled(
    log: TreatmentLog, scores: Mapping[str, Sequence[Floats]], share: float, seed: int, rounds: int = ROUNDS
) -> dict[str, Draws]:
    """Qini coefficient, and uplift among the best ``share``, of each ranking in resamples of the log's clusters.

    ``scores`` holds one or several scorings of all rows by name; all of them see the same resamples, so that differences are
    as sure as they are.
    """
    curves = {name: [_Cells.of(_binned(places_of(one)), log) for one in own] for name, own in scores.items()}
    tops = {name: [_Cells.in_top(one, share, log) for one in own] for name, own in scores.items()}
    ideal = _Cells.of(perfect_qini_places(log.good, log.treated), log)
    parts: dict[str, list[Draws]] = {name: [] for name in scores}
    for times in resamples(log.cluster, seed, rounds):
        weights = times * log.weight[:, None]
        perfect = ideal.counts(weights).qini_curve()
        for name in scores:
            found = [coefficient(one.counts(weights).qini_curve(), perfect) for one in curves[name]]
            top = [top_uplift(one.cells(weights)) for one in tops[name]]
            parts[name].append(Draws(np.mean(found, axis=0), np.mean(top, axis=0)))
    return {
        name: Draws(np.concatenate([one.qini for one in own]), np.concatenate([one.top for one in own]))
        for name, own in parts.items()
    }


def estimate(value: float, draws: Floats) -> Estimate:
    """A figure with the percentiles of its resamples; NaN where it was not defined in some of them."""
    if not np.isfinite(draws).all():
        return Estimate(value, np.nan, np.nan, np.nan)
    low, high = (float(end) for end in np.quantile(draws, (0.025, 0.975)))
    return Estimate(value, low, high, float(draws.std(ddof=1)))


@dataclass(frozen=True)
class _Cells:
    """Which rows fall into which cell of a curve, so that a resample is one sparse product."""

    rows: sparse.csr_matrix
    places: int

    @classmethod
    def of(cls, place: Integers, log: TreatmentLog) -> "_Cells":
        cell, places = cell_of(place, log.good, log.treated), int(place.max()) + 1
        filled = (np.ones(len(cell)), (cell, np.arange(len(cell))))
        return cls(sparse.csr_matrix(filled, shape=(4 * places, len(cell))), places)

    @classmethod
    def in_top(cls, score: Floats, share: float, log: TreatmentLog) -> "_Cells":
        """The cells of the best ``share`` alone, as one place."""
        cell = cell_of(np.zeros(len(score), dtype=np.int64), log.good, log.treated)
        filled = (among_top(score, share), (cell, np.arange(len(cell))))
        return cls(sparse.csr_matrix(filled, shape=(4, len(cell))), 1)

    def cells(self, weights: Floats) -> Floats:
        return np.asarray((self.rows @ weights).reshape(self.places, 4, -1))

    def counts(self, weights: Floats) -> Counts:
        return Counts.of(self.cells(weights))


def _binned(place: Integers) -> Integers:
    """Places put together to `BINS` of about the same number of rows; equal scores stay together."""
    sizes = np.bincount(place)
    before = np.cumsum(sizes) - sizes
    return np.asarray((before * BINS // len(place))[place], dtype=np.int64)
