"""The season that all customers share: without it a slack season would look like a decline of everybody."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as fisher

Floats = NDArray[np.float64]

PHASES = 12
"""Months of 30 days to a year; that a year has five days more moves the second year by no more than these."""
LEAST_CUSTOMERS = 30
SURE = 0.01
"""Highest chance at which a season without any truth in it is believed."""


def shared_season(roots: Floats) -> Floats:
    """Factor of each month's root, mean one; all ones where no season is sure.

    ``roots`` are the roots of money per month of the customers who were seen throughout, shape (rows, two years or more of
    months). Each customer counts the same: a line and twelve phases are fitted to the logarithm of their mean profile. What
    happens in one year only, as a fall of everybody, is no season: the phases have to explain more than chance beside the
    line, and beside a level for each year (F tests).
    """
    mean = roots.mean(axis=1)
    bought = roots[mean > 0] / mean[mean > 0, None]
    months = roots.shape[1]
    if len(bought) < LEAST_CUSTOMERS or months < 2 * PHASES or (bought.mean(axis=0) <= 0).any():
        return np.ones(months)
    profile, month = np.log(bought.mean(axis=0)), np.arange(months)
    phases = np.eye(PHASES)[month % PHASES, :-1] - 1 / PHASES
    line = np.column_stack([np.ones(months), month - month.mean()])
    levels = (month[:, None] // PHASES == np.arange(-(-months // PHASES))).astype(np.float64)
    if not (_is_sure(line, phases, profile) and _is_sure(levels, phases, profile)):
        return np.ones(months)
    effects = np.linalg.lstsq(np.column_stack([line, phases]), profile, rcond=None)[0]
    factors = np.exp(phases @ effects[line.shape[1] :])
    return np.asarray(factors / factors.mean())


def _is_sure(beside: Floats, phases: Floats, profile: Floats) -> bool:
    """Whether the phases explain more than chance of what the other columns leave."""
    both = np.column_stack([beside, phases])
    unexplained, without = _squares(both, profile), _squares(beside, profile)
    free = len(profile) - both.shape[1]
    ratio = (without - unexplained) / phases.shape[1] / max(unexplained / free, np.finfo(np.float64).tiny)
    return bool(fisher.sf(ratio, phases.shape[1], free) <= SURE)


def _squares(columns: Floats, values: Floats) -> float:
    """Sum of squares that the columns leave unexplained."""
    return float(((values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]) ** 2).sum())
