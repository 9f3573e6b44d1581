"""Whether probabilities mean what they say: the Brier score taken apart, level and slope, and the error with its bias out.

The Brier score is taken apart by isotonic regression (CORP; Dimitriadis, Gneiting and Jordan 2021) instead of Murphy's
(1973) bins: there are no bins to choose, the three terms add up exactly without within-bin corrections, and neither
miscalibration nor discrimination can be negative.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from training.evaluation.bootstrap import Estimate, bootstrap, clustered_mean
from training.evaluation.metrics import CALIBRATION_BINS
from training.evaluation.weighted import Measure, calibration_error

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEWTON_STEPS = 50
LEAST_PROBABILITY = 1e-6
STEEPEST_SLOPE = 50.0


@dataclass(frozen=True)
class BrierParts:
    """brier = miscalibration − discrimination + uncertainty, each in [0, 1].

    ``uncertainty`` is the score of the base rate, ``discrimination`` what ranking customers takes off it, and
    ``miscalibration`` what wrong levels add again. All are of the rows at hand: even a perfectly calibrated model shows
    a little miscalibration by chance.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def brier_parts(churned: Integers, probability: Floats) -> BrierParts:
    """The Brier score taken apart; Dimitriadis, Gneiting and Jordan 2021."""
    recalibrated = isotonic(churned, probability)
    rate = float(churned.mean())
    brier = float(np.mean((probability - churned) ** 2))
    best = float(np.mean((recalibrated - churned) ** 2))
    uncertainty = rate * (1 - rate)
    return BrierParts(brier, brier - best, uncertainty - best, uncertainty)


def isotonic(churned: Integers, probability: Floats) -> Floats:
    """The rate that came true as a rising function of the probability, shape (rows,); equal ones get the same rate."""
    _, place, times = np.unique(probability, return_inverse=True, return_counts=True)
    rates = np.bincount(place, weights=churned) / times
    fitted = isotonic_regression(rates, weights=times.astype(np.float64)).x
    return np.asarray(fitted[place], dtype=np.float64)


@dataclass(frozen=True)
class Recalibration:
    """What would have to be done to the log-odds, each with its interval over customers; Cox 1958.

    ``intercept``: the shift that makes the mean right with the spread as it is (calibration in the large; 0: right,
    above 0: too low). ``slope``: the factor that makes the spread right (1: right, below 1: too extreme). NaN where the
    outcomes or the probabilities do not vary enough to say.
    """

    intercept: Estimate
    slope: Estimate


def recalibration(churned: Integers, probability: Floats, customers: Integers) -> Recalibration:
    """Calibration in the large and calibration slope, with standard errors over customers."""
    unknown = Estimate(np.nan, np.nan, np.nan, np.nan)
    if not 0 < churned.sum() < len(churned):
        return Recalibration(unknown, unknown)
    held = np.clip(probability, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    log_odds = np.log(held / (1 - held))
    shift = _newton(np.ones((len(churned), 1)), log_odds, churned, customers)
    centred = log_odds - log_odds.mean()
    if np.ptp(log_odds) < LEAST_PROBABILITY:
        return Recalibration(shift or unknown, unknown)
    both = np.column_stack([centred, np.ones(len(churned))])
    return Recalibration(shift or unknown, _newton(both, np.zeros(len(churned)), churned, customers) or unknown)


def _newton(design: Floats, offset: Floats, churned: Integers, customers: Integers) -> Estimate | None:
    """The first coefficient of a logistic regression with its clustered error; None where there is no maximum."""
    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-(np.clip(design @ weights + offset, -30, 30))))
        hessian = (design * (p * (1 - p))[:, None]).T @ design
        if np.linalg.cond(hessian) > 1e12:
            return None
        step = np.linalg.solve(hessian, design.T @ (churned - p))
        weights = weights + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    if abs(weights[0]) > STEEPEST_SLOPE:
        return None
    owner = np.unique(customers, return_inverse=True)[1]
    scores = np.column_stack([np.bincount(owner, weights=column * (churned - p)) for column in design.T])
    inverse = np.linalg.inv(hessian)
    clusters = len(scores)
    spread = inverse @ (scores.T @ scores) @ inverse * (clusters / max(clusters - 1, 1))
    return Estimate.normal(float(weights[0]), float(np.sqrt(spread[0, 0])))


def calibration_error_interval(churned: Integers, probability: Floats, customers: Integers, seed: int) -> Estimate:
    """The expected calibration error with its interval over customers."""
    measures: dict[str, Measure] = {"error": calibration_error(churned, probability)}
    return bootstrap(customers, measures, seed)["error"]


def debiased_calibration_error(
    churned: Integers, probability: Floats, customers: Integers, bins: int = CALIBRATION_BINS
) -> float:
    """Root mean squared gap between probability and rate over bins of equal mass, less what chance alone adds.

    From each bin's squared gap its sampling variance over customers is taken (Kumar, Liang and Ma 2019, here with
    clusters). 0: no more than chance; unlike the plain error, it does not fall just because there are more rows.
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [clustered_mean(probability[part] - churned[part], customers[part]) for part in parts]
    squares = [len(part) * (gap.value**2 - gap.standard_error**2) for part, gap in zip(parts, gaps, strict=True)]
    return float(np.sqrt(max(0.0, np.nansum(squares) / len(churned))))


@dataclass(frozen=True)
class Bin:
    """One part of a reliability curve: mean probability, the rate that came true with its interval, and rows."""

    probability: float
    observed: Estimate
    rows: int


def reliability_bins(
    churned: Integers, probability: Floats, customers: Integers, bins: int = CALIBRATION_BINS
) -> list[Bin]:
    """Bins by rising probability, about equal in size, that never tear equal probabilities apart.

    The interval of a rate is Wilson's (1927) with as many rows as the clusters leave effective, so that it stays in
    [0, 1].
    """
    distinct, place, times = np.unique(probability, return_inverse=True, return_counts=True)
    # a run of equal probabilities belongs where its middle lies
    middle = (np.cumsum(times) - times / 2) / len(probability)
    of_row = (
        np.minimum((middle * bins).astype(np.int64), bins - 1)[place] if len(distinct) > 1 else np.zeros_like(place)
    )
    parts = [np.flatnonzero(of_row == number) for number in range(bins)]
    return [
        Bin(float(probability[part].mean()), _rate(churned[part], customers[part]), len(part))
        for part in parts
        if len(part)
    ]


def _rate(churned: Integers, customers: Integers) -> Estimate:
    mean = clustered_mean(churned.astype(np.float64), customers)
    simple = mean.value * (1 - mean.value)
    varies = simple > 0 and mean.standard_error > 0
    effective = simple / mean.standard_error**2 if varies else float(len(np.unique(customers)))
    low, high = wilson(mean.value, min(effective, float(len(churned))))
    return Estimate(mean.value, low, high, mean.standard_error)


def wilson(rate: float, trials: float) -> tuple[float, float]:
    """Ends of the 95 % interval of a rate out of so many independent trials; Wilson 1927."""
    square = 1.96**2 / trials
    spread = 1.96 * np.sqrt(rate * (1 - rate) / trials + square / (4 * trials))
    middle = rate + square / 2
    return max(0.0, float((middle - spread) / (1 + square))), min(1.0, float((middle + spread) / (1 + square)))
