"""Log-odds turned into probabilities that can be multiplied with money, and how sure they are."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BOOTSTRAP_ROUNDS = 100
MOST_ROWS = 20_000
NEWTON_STEPS = 50
RIDGE = 1e-3
LEAST_SPREAD = 1e-6


def sigmoid(log_odds: Floats) -> Floats:
    """Probability of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30, 30))), dtype=np.float64)


@dataclass(frozen=True)
class Calibrator:
    """Platt scaling: probability = sigmoid(slope × log-odds + offset).

    ``resamples`` are slope and offset fitted on bootstrap samples of the calibration customers, shape (rounds, 2);
    they give the interval, which covers the uncertainty of the level, not that of one customer's fate.
    """

    slope: float
    offset: float
    resamples: tuple[tuple[float, float], ...]

    @classmethod
    def fit(cls, log_odds: Floats, churned: NDArray[np.int64], seed: int, customers: ArrayLike | None = None) -> Self:
        """Fit on rows that the model has not seen; Platt 1999.

        ``customers`` says whose row each is: the rows of one customer are alike and are drawn together. Without it each
        row is a customer.
        Raises ValueError: one of the two outcomes does not occur.
        """
        if not 0 < churned.sum() < len(churned):
            raise ValueError("calibration needs customers who left and customers who stayed")
        owners = np.arange(len(churned)) if customers is None else np.asarray(customers)
        generator = np.random.default_rng(seed)
        if len(log_odds) > MOST_ROWS:
            chosen = generator.choice(len(log_odds), MOST_ROWS, replace=False)
            log_odds, churned, owners = log_odds[chosen], churned[chosen], owners[chosen]
        distinct, owner = np.unique(owners, return_inverse=True)
        resamples: list[tuple[float, float]] = []
        while len(resamples) < BOOTSTRAP_ROUNDS:
            drawn = generator.integers(0, len(distinct), len(distinct))
            times = np.bincount(drawn, minlength=len(distinct))[owner]
            if 0 < times @ churned < times.sum():
                resamples.append(_line(log_odds, churned, times))
        slope, offset = _line(log_odds, churned, np.ones(len(churned)))
        return cls(slope, offset, tuple(resamples))

    def probability(self, log_odds: Floats) -> Floats:
        """Calibrated probability, shape (rows,)."""
        return sigmoid(self.slope * log_odds + self.offset)

    def interval(self, log_odds: Floats) -> tuple[Floats, Floats]:
        """Ends of the 95 % interval of the calibrated probability, each of shape (rows,)."""
        lines = np.asarray(self.resamples)
        spread = log_odds[:, None] * lines[:, 0] + lines[:, 1]
        low, high = np.quantile(spread, (0.025, 0.975), axis=1)
        centre = self.slope * log_odds + self.offset
        return sigmoid(np.minimum(low, centre)), sigmoid(np.maximum(high, centre))


def _line(log_odds: Floats, churned: NDArray[np.int64], times: NDArray[np.number]) -> tuple[float, float]:
    """Slope and offset of maximum likelihood, each row counted so many ``times``; the slope is held at zero or above.

    Newton's method in standardised log-odds, with a ridge so slight that it only matters when the outcomes are separable.
    """
    rate = float(np.average(churned, weights=times))
    level = float(np.log(rate / (1 - rate)))
    mean, spread = float(log_odds.mean()), float(log_odds.std())
    if spread < LEAST_SPREAD:
        return 0.0, level
    standard = (log_odds - mean) / spread
    slope, offset = 0.0, level
    for _ in range(NEWTON_STEPS):
        p = sigmoid(slope * standard + offset)
        weight, residual = times * p * (1 - p), times * (p - churned)
        a, b, c = (weight * standard**2).sum() + RIDGE, (weight * standard).sum(), weight.sum() + RIDGE
        g, h = (residual * standard).sum() + RIDGE * slope, residual.sum()
        step = np.clip(np.array([c * g - b * h, a * h - b * g]) / (a * c - b * b), -2, 2)
        slope, offset = slope - float(step[0]), offset - float(step[1])
        if np.abs(step).max() < 1e-9:
            break
    if slope <= 0:
        return 0.0, level
    return slope / spread, offset - slope * mean / spread
