"""Weights from the figures themselves: the entropy weight method, 熵权法 (Shannon 1948; Zeleny 1982)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAILS = (0.01, 0.99)
"""Quantiles beyond which values count as these: one giant would otherwise take all the weight."""


def spread_out(values: Floats, more_is_better: bool = True) -> Floats:
    """Values from 0 (worst) to 1 (best) between their outer quantiles, in proportion; NaN stays NaN."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), np.nan)
    low, high = np.quantile(known, TAILS) if len(known) >= 100 else (known.min(), known.max())
    if not high > low:
        low, high = known.min(), known.max()
    if not high > low:
        return np.where(np.isfinite(values), 0.5, np.nan)
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share if more_is_better else 1 - share)


def entropy_weights(ratings: Floats) -> Floats:
    """Weight of each column of ``ratings`` (rows, criteria; from 0 up, NaN: not known), adding up to one.

    A criterion weighs the more the less evenly its total is spread over the rows: 1 + Σ p ln p / ln n, with p each row's
    share of the total. All weigh alike where no criterion tells anybody apart.
    """
    differences = np.array([_difference(column[np.isfinite(column)]) for column in ratings.T])
    total = differences.sum()
    return differences / total if total > 0 else np.full(len(differences), 1 / max(1, len(differences)))


def _difference(column: Floats) -> float:
    """One minus the entropy of a column's shares, from 0 (all alike) to 1 (one row has it all)."""
    total = column.sum()
    if len(column) < 2 or total <= 0:
        return 0.0
    shares = column[column > 0] / total
    # rounding leaves a trace where all rows are alike
    return max(0.0, float(1 + (shares * np.log(shares)).sum() / np.log(len(column)))) if np.ptp(column) > 0 else 0.0
