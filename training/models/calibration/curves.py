"""How a curve from raw to calibrated log-odds is fitted: one function a kind, from the stiffest to the most pliable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]

NEWTON_STEPS = 50
RIDGE = 1e-3
LEAST_SPREAD = 1e-6
SURE = 1.959964
"""Standard errors on either side of the middle that hold 95 % of a normal distribution."""

PSEUDO_ROWS = 1.0
"""Weight of one row more at either end of an isotonic curve, which keeps its probabilities off 0 and 1."""


def sigmoid(log_odds: Floats) -> Floats:
    """Probability of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30, 30))), dtype=np.float64)


def logit(probability: Floats) -> Floats:
    """Log-odds of probabilities strictly between 0 and 1."""
    return np.asarray(np.log(probability) - np.log1p(-probability), dtype=np.float64)


@dataclass(frozen=True)
class Counts:
    """Distinct log-odds in rising order, how many rows have each, and how many of those churned; shape (values,)."""

    log_odds: Floats
    rows: Floats
    churned: Floats

    @property
    def level(self) -> float:
        """Log-odds of the churn rate of all."""
        return float(np.log(self.churned.sum()) - np.log(self.rows.sum() - self.churned.sum()))


@dataclass(frozen=True)
class Kind:
    """A way to calibrate, and how many customers it takes in all and in the smaller class to be worth a try."""

    name: str
    fit: Callable[[Counts], Curve]
    least_customers: int
    least_of_each_class: int


def fit_offset(counts: Counts) -> Curve:
    """The log-odds as they are, moved to the observed level."""
    [offset] = _coefficients(counts, [], counts.log_odds)
    return lambda log_odds: np.asarray(log_odds + offset)


def fit_platt(counts: Counts) -> Curve:
    """A straight line that never falls; Platt 1999."""
    slope, offset = _coefficients(counts, [counts.log_odds])
    return lambda log_odds: np.asarray(slope * log_odds + offset)


def fit_beta(counts: Counts) -> Curve:
    """A line with a smooth bend at log-odds 0, rising on both sides: beta calibration; Kull et al. 2017.

    In log-odds it is offset + a × log(p) - b × log(1 - p) of the raw probability p, with a and b at zero or above.
    """
    left, right, offset = _coefficients(counts, _beta_terms(counts.log_odds))

    def curve(log_odds: Floats) -> Floats:
        below, above = _beta_terms(log_odds)
        return np.asarray(left * below + right * above + offset)

    return curve


def fit_isotonic(counts: Counts) -> Curve:
    """A rising curve through the observed rates of neighbours pooled until they rise; Zadrozny and Elkan 2002.

    Pools are joined by straight lines between their centres (Oron and Flournoy 2017); beyond the outermost the curve is
    flat. No probability is 0 or 1.
    """
    ends = counts.log_odds[[0, -1]]
    rate = counts.churned.sum() / counts.rows.sum()
    places = np.concatenate([ends[:1], counts.log_odds, ends[1:]])
    rows = np.concatenate([[PSEUDO_ROWS], counts.rows, [PSEUDO_ROWS]])
    churned = np.concatenate([[PSEUDO_ROWS * rate], counts.churned, [PSEUDO_ROWS * rate]])
    seen = rows > 0
    places, rows, churned = places[seen], rows[seen], churned[seen]
    pooled = IsotonicRegression().fit_transform(np.arange(len(rows)), churned / rows, sample_weight=rows)
    heights, pool = np.unique(pooled, return_inverse=True)
    centres = np.bincount(pool, weights=places * rows) / np.bincount(pool, weights=rows)
    levels = logit(heights)
    return lambda log_odds: np.asarray(np.interp(log_odds, centres, levels))


KINDS: tuple[Kind, ...] = (
    Kind("offset", fit_offset, 0, 0),
    Kind("platt", fit_platt, 0, 0),
    Kind("beta", fit_beta, 1_000, 200),
    Kind("isotonic", fit_isotonic, 5_000, 1_000),
)
"""From the stiffest to the most pliable; from fewer customers on a pliable one was measured to lose by its freedom."""


def _beta_terms(log_odds: Floats) -> list[Floats]:
    """log(p) and -log(1 - p) of the raw probability p; both rise with the log-odds."""
    return [-np.logaddexp(0, -log_odds), np.logaddexp(0, log_odds)]


def _coefficients(counts: Counts, terms: Sequence[Floats], fixed: Floats | float = 0.0) -> Floats:
    """Maximum-likelihood weights of ``terms``, none below zero, and the offset; ``fixed`` log-odds are added as they are.

    A term that would fall is left out (weight 0), the most falling first. Newton's method in standardised terms, with a
    ridge so slight that it only matters when the outcomes are separable.
    """
    weights = np.zeros(len(terms) + 1)
    kept = [i for i, term in enumerate(terms) if term.std() > LEAST_SPREAD]
    while True:
        found = _newton(counts, [terms[i] for i in kept], fixed)
        if not kept or found[:-1].min() > 0:
            break
        kept.pop(int(found[:-1].argmin()))
    weights[kept], weights[-1] = found[:-1], found[-1]
    return weights


def _newton(counts: Counts, terms: Sequence[Floats], fixed: Floats | float) -> Floats:
    """Weights of ``terms`` and the offset, without bounds."""
    means, spreads = [t.mean() for t in terms], [t.std() for t in terms]
    standard = [(t - m) / s for t, m, s in zip(terms, means, spreads, strict=True)]
    design = np.column_stack([*standard, np.ones(len(counts.rows))])
    ridge = np.full(len(terms) + 1, RIDGE)
    ridge[-1] = 0.0
    weights = np.zeros(len(terms) + 1)
    weights[-1] = counts.level - float(np.average(np.broadcast_to(fixed, counts.rows.shape), weights=counts.rows))
    for _ in range(NEWTON_STEPS):
        p = sigmoid(design @ weights + fixed)
        gradient = design.T @ (counts.rows * p - counts.churned) + ridge * weights
        hessian = (design.T * (counts.rows * p * (1 - p))) @ design + np.diag(ridge + LEAST_SPREAD)
        step = np.clip(np.linalg.solve(hessian, gradient), -2, 2)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    slopes = weights[:-1] / spreads if terms else weights[:-1]
    return np.append(slopes, weights[-1] - float(np.dot(slopes, means)))
