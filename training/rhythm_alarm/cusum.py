"""The sequential statistic: a cumulative sum of how unusually long each gap was, and where it is called an alarm.

Each gap becomes a standard normal number by its probability under the own rhythm. Page's sum (1954) adds them less an
allowance and never falls below zero, so that one very long silence raises the alarm, and several long gaps as well. While
nothing has changed the numbers are independent, so the mean number of gaps between false alarms (average run length)
follows from the limit alone: Page's integral equation, solved by Gauss-Legendre nodes.
"""

from functools import cache

import numpy as np
from scipy.stats import norm

from training.rhythm_alarm.visits import Floats

ALLOWANCE = 1.5
"""In standard deviations: high, so that old gaps are soon forgotten and it is the silence at hand that counts."""
_NODES = 40
_LIMITS = np.linspace(0, 7, 71)


def run_length(limit: float, allowance: float = ALLOWANCE) -> float:
    """Mean number of unchanged gaps until the sum exceeds ``limit``, beginning at zero."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    nodes, weights = limit * (nodes + 1) / 2, limit * weights / 2
    begin = np.concatenate([[0.0], nodes])[:, None]
    moves = np.hstack([norm.cdf(allowance - begin), weights * norm.pdf(nodes + allowance - begin)])
    lengths = np.linalg.solve(np.eye(_NODES + 1) - moves, np.ones(_NODES + 1))
    return float(lengths[0])


@cache
def _log_run_lengths() -> Floats:
    return np.log([run_length(float(limit)) for limit in _LIMITS])


def limit_of(run_lengths: Floats) -> Floats:
    """The limit at which false alarms are so many gaps apart on average; 0 where that cannot be had."""
    return np.asarray(np.interp(np.log(run_lengths), _log_run_lengths(), _LIMITS))


def run_length_of(limits: Floats) -> Floats:
    """The mean number of gaps between false alarms at each limit; below 0 as at a limit of 0."""
    return np.asarray(np.exp(np.interp(limits, _LIMITS, _log_run_lengths())))


def gaps_between(false_alarms_per_year: float, gaps_per_year: Floats) -> Floats:
    """Average run length at which so large a share of unchanged customers has a false alarm within a year."""
    return np.asarray(gaps_per_year / -np.log1p(-false_alarms_per_year))


def yearly_rate(run_lengths: Floats, gaps_per_year: Floats) -> Floats:
    """Share of unchanged customers with a false alarm within a year: the inverse of `gaps_between`."""
    return np.asarray(-np.expm1(-gaps_per_year / run_lengths))
