"""How much calibration moves from one cut-off to a later one, which no number of customers averages out."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from training.cutoffs import CUTOFFS_PER_HORIZON
from training.models.calibration.curves import Floats, sigmoid

Ints = NDArray[np.int64]

USUAL_LEVEL = 0.2
"""Standard deviation of the level between cut-offs (log-odds) that is taken for granted before any is seen."""

USUAL_SLOPE = 0.1
"""The same of the slope over the calibrated log-odds, which is 1 on the whole."""

USUAL_WINDOWS = 3.0
"""How many label windows side by side what is taken for granted counts for."""

LEAST_WEIGHT = 1e-9


def drift_reach(log_odds: Floats, churned: Ints, as_of: ArrayLike) -> Callable[[Floats], Floats]:
    """How far calibrated log-odds may be off at a later cut-off, to either side with 95 % confidence.

    Parameters: calibrated log-odds, outcome and cut-off of the rows calibrated on, each of shape (rows,).
    At each cut-off the log-odds would have to be moved and tilted by a little to be right there. The covariance of these
    moves beyond that of the counts is what the next one is drawn from, besides the error of their mean. Windows of
    neighbouring cut-offs overlap: their moves are taken to be alike by the share of the window that they have in common,
    and cut-offs count for as many as there are windows side by side. Since these are few, what is usual has a say too,
    and the reach follows Student's distribution.
    """
    place, cutoffs = pd.factorize(pd.to_datetime(pd.Series(np.asarray(as_of)), utc=True), sort=True)
    shared = _shared((cutoffs - cutoffs[0]) / pd.Timedelta(days=1))
    probability = sigmoid(log_odds)
    weight = probability * (1 - probability)
    centre = float(np.average(log_odds, weights=weight))
    moves, noise = _moves(log_odds - centre, churned - probability, weight, place)
    alike, windows = shared.mean(), 1 / shared.mean() - 1
    usual = np.diag([USUAL_LEVEL**2, USUAL_SLOPE**2])
    seen = _beyond(np.cov(moves, ddof=0) / (1 - alike) - noise) if windows > 0 else np.zeros((2, 2))
    degrees = USUAL_WINDOWS + windows
    spread = (USUAL_WINDOWS * usual + windows * seen) / degrees * (1 + alike)
    sure = float(stdtrit(degrees, 0.975))

    def reach(at: Floats) -> Floats:
        lever = np.stack([np.ones_like(at), at - centre])
        return np.asarray(sure * np.sqrt(np.einsum("ir,ij,jr->r", lever, spread, lever)))

    return reach


def _moves(tilt: Floats, error: Floats, weight: Floats, place: Ints) -> tuple[Floats, Floats]:
    """By how much level and slope were off at each cut-off, shape (2, cut-offs), and the mean covariance of its noise.

    One step of Newton's method from the calibrated log-odds.
    """
    a, b, c, g, h = (
        np.bincount(place, weights=term).astype(np.float64)
        for term in (weight, weight * tilt, weight * tilt**2, error, error * tilt)
    )
    a, c = a + LEAST_WEIGHT, c + LEAST_WEIGHT
    determinant = a * c - b**2
    moves = np.stack([c * g - b * h, a * h - b * g]) / determinant
    noise = (np.array([[c, -b], [-b, a]]) / determinant).mean(axis=2)
    return moves, noise


def _beyond(covariance: Floats) -> Floats:
    """The nearest covariance without negative variances."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def _shared(days: ArrayLike) -> Floats:
    """Share of their label windows that two cut-offs on these days have in common, shape (cut-offs, cut-offs)."""
    day = np.asarray(days, dtype=np.float64)
    horizon_days = CUTOFFS_PER_HORIZON * np.diff(day).min() if len(day) > 1 else 1.0
    return np.asarray(np.maximum(0.0, 1 - np.abs(day[:, None] - day) / horizon_days))
