"""How long a customer's next gap lasts if nothing has changed: its own gaps, and what is known of everybody's.

A customer's gaps are gamma distributed with a shape and a mean of its own; one over the mean is gamma distributed over
customers. Given n own gaps with sum s, the next one is then compound gamma (Dubey 1970), and a share of it, x / (x + s + b),
is beta distributed: tails are heavy while little is known and become the customer's own with each gap. The shape is one of
`SHAPES`, each weighted by how well it fits the customer. What is common is fitted by maximum likelihood (empirical Bayes).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betainc, gammaln, logsumexp, softmax

from training.rhythm_alarm.visits import Floats, Integers

SHAPES = np.array([0.5, 0.75, 1.0, 1.5, 2.2, 3.2, 4.7, 7.0, 10.0])
"""Regularity: 1 is at random, higher is like clockwork, lower comes in bursts."""
MOST_CUSTOMERS = 20_000
"""Of more, that many are drawn to fit what is common."""
_STEPS = 60


@dataclass(frozen=True)
class Seen:
    """What is known of some customers' own gaps, each of shape (rows,): number, sum of clock days, sum of their logarithms."""

    gaps: Floats
    days: Floats
    log_days: Floats

    def of(self, rows: "Integers | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> "Seen":
        """The same of some rows."""
        return Seen(self.gaps[rows], self.days[rows], self.log_days[rows])


@dataclass(frozen=True)
class OwnGaps:
    """What all customers have in common: spread ``a`` and scale ``b`` (clock days) of the means, weight of each shape."""

    a: float
    b: float
    log_weights: Floats

    def log_likelihood(self, seen: Seen) -> Floats:
        """Of each shape for each row, shape (rows, shapes), weighted."""
        return np.asarray(_by_shape(seen, self.a, self.b) + self.log_weights)

    def survival(self, seen: Seen, days: Floats) -> Floats:
        """Probability that the next gap is longer than ``days`` (clock days), shape (rows,)."""
        weights: Floats = softmax(self.log_likelihood(seen), axis=1)
        return np.asarray(self._survival(seen, weights, days))

    def days(self, seen: Seen, survival: Floats) -> Floats:
        """Clock days that the next gap exceeds with the probability ``survival``, shape (rows,)."""
        weights = softmax(self.log_likelihood(seen), axis=1)
        low, high = np.full(len(survival), np.log(1e-12)), np.full(len(survival), np.log(1e6))
        for _ in range(_STEPS):
            middle = (low + high) / 2
            longer = self._survival(seen, weights, np.exp(middle)) > survival
            low, high = np.where(longer, middle, low), np.where(longer, high, middle)
        return np.asarray(np.exp((low + high) / 2))

    def mean_days(self, seen: Seen) -> Floats:
        """Expected mean gap of each row, clock days."""
        weights = softmax(self.log_likelihood(seen), axis=1)
        known = SHAPES * seen.gaps[:, None]
        means = (self.b + SHAPES * seen.days[:, None]) / np.maximum(self.a + known - 1, 0.5)
        return np.asarray((weights * means).sum(axis=1))

    def _survival(self, seen: Seen, weights: Floats, days: Floats) -> Floats:
        scale = self.b / SHAPES + seen.days[:, None]
        share = scale / (scale + days[:, None])
        return np.asarray((weights * betainc(self.a + SHAPES * seen.gaps[:, None], SHAPES, share)).sum(axis=1))


def fit_own_gaps(seen: Seen, seed: int = 0) -> OwnGaps:
    """What all customers have in common, from those with two gaps or more."""
    rows = np.flatnonzero(seen.gaps >= 2)
    if len(rows) > MOST_CUSTOMERS:
        rows = np.random.default_rng(seed).choice(rows, MOST_CUSTOMERS, replace=False)
    known = seen.of(rows)
    mean = float(np.median(known.days / known.gaps)) if len(rows) else 30.0

    def badness(point: Floats) -> float:
        weights = point[2:] - logsumexp(point[2:])
        a, b = np.exp(point[:2])
        told = logsumexp(_by_shape(known, a, b) + weights, axis=1).sum()
        # a flat prior in few data would run away: as if ten customers were like the middle one
        return float(
            -told
            + 10 * ((point[0] - np.log(2)) ** 2 + (point[1] - np.log(2 * mean)) ** 2) / 4
            + (weights**2).sum() / 50
        )

    start = np.concatenate([np.log([2.0, 2 * mean]), np.zeros(len(SHAPES))])
    point = minimize(badness, start, method="L-BFGS-B", options={"maxiter": 60}).x if len(rows) else start
    return OwnGaps(float(np.exp(point[0])), float(np.exp(point[1])), point[2:] - logsumexp(point[2:]))


def _by_shape(seen: Seen, a: float, b: float) -> Floats:
    """Log-likelihood of the gaps of each row under each shape, shape (rows, shapes)."""
    n, days, log_days = (values[:, None] for values in (seen.gaps, seen.days, seen.log_days))
    scale, known = b / SHAPES, a + n * SHAPES
    told = (SHAPES - 1) * log_days - n * gammaln(SHAPES) + gammaln(known) - gammaln(a)
    return np.asarray(told + a * np.log(scale) - known * np.log(scale + days))
