"""Whether probabilities are right in each group of customers, told apart from noise over all groups at once."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from training.models.calibration.curves import SURE, Floats

Ints = NDArray[np.int64]

LEAST_VARIANCE = 5.0
"""Variance of the number who leave, below which a normal distribution does not describe it: too few to say."""

FALSE_DISCOVERIES = 0.05
"""Share of the groups named as off that may be so by chance."""


def calibration_by_group(
    probability: Floats, churned: Ints, groups: ArrayLike, customers: ArrayLike | None = None
) -> pd.DataFrame:
    """What was foretold and what came true in each group, and which groups are off beyond noise.

    Returns one row a group, indexed by it in order of size: ``rows``, ``expected`` (mean probability), ``observed``
    (churn rate), ``gap`` (observed less expected) with its 95 % interval ``gap_low``, ``gap_high``, ``z`` (the gap over
    its standard error), ``p_value`` (two-sided, were the probabilities right), ``q_value`` (after Benjamini and Hochberg
    1995), and ``off``: whether it is among those of which at most 5 % are named by chance. Groups too small to say have
    neither z nor p-value and are not counted among the tests. Rows without a group are left out.
    ``customers`` says whose row each is; without it each row is a customer. The errors of one customer's rows in a group
    are added up before they are squared, so that seeing a customer often does not make a group look surer.
    """
    place, names = pd.factorize(pd.Series(groups), sort=True)
    inside = place >= 0
    place, error = place[inside], (churned - probability)[inside]
    size = np.bincount(place)
    variance = np.bincount(place, weights=(probability * (1 - probability))[inside])
    if customers is not None:
        owner = pd.factorize(pd.Series(customers))[0][inside]
        variance = np.maximum(variance, _clustered(error, place, owner, len(names)))
    gap, deviation = np.bincount(place, weights=error) / size, np.sqrt(variance) / size
    z = np.where(variance >= LEAST_VARIANCE, gap / np.where(deviation > 0, deviation, 1.0), np.nan)
    p_value = np.asarray(2 * ndtr(-np.abs(z)))
    q_value = benjamini_hochberg(p_value)
    table = pd.DataFrame(
        {
            "rows": size,
            "expected": np.bincount(place, weights=probability[inside]) / size,
            "observed": np.bincount(place, weights=churned[inside]) / size,
            "gap": gap,
            "gap_low": gap - SURE * deviation,
            "gap_high": gap + SURE * deviation,
            "z": z,
            "p_value": p_value,
            "q_value": q_value,
            "off": q_value <= FALSE_DISCOVERIES,
        },
        index=pd.Index(names, name="group"),
    )
    return table.sort_values("rows", ascending=False, kind="stable")


def benjamini_hochberg(p_values: Floats) -> Floats:
    """The least share of false discoveries at which each test would be named; missing p-values stay missing.

    Benjamini and Hochberg 1995, for tests that are independent or depend on each other positively.
    """
    q = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    falling = known[np.argsort(-p_values[known], kind="stable")]
    ranks = np.arange(len(falling), 0, -1)
    q[falling] = np.minimum.accumulate(np.minimum(p_values[falling] * len(falling) / ranks, 1.0))
    return q


def _clustered(error: Floats, place: Ints, owner: Ints, groups: int) -> Floats:
    """Variance of each group's summed error when the errors of one customer in it are summed first, shape (groups,)."""
    pair, which = np.unique(place * (owner.max() + 1) + owner, return_inverse=True)
    summed = np.bincount(which, weights=error)
    return np.bincount(pair // (owner.max() + 1), weights=summed**2, minlength=groups).astype(np.float64)
