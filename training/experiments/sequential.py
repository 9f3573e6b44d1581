"""Looks at a running campaign that stay valid: intervals that hold at every look, not only at one.

Two kinds. With a plan (so many looks, at so many customers), group-sequential boundaries: repeated confidence intervals
(Jennison and Turnbull 1989) with an error that is spent over the looks (Lan and DeMets 1983, the function of O'Brien-Fleming
type): all intervals of the path hold the truth together in 95 % of campaigns, and the last one is nearly as short as if nobody
had looked before. The boundaries come from the exact recursion of Armitage, McPherson and Rowe (1969) on a grid.
Without a plan, an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, Annals of Statistics 2024):
wider, but it holds at any time, however often one looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from training.experiments.effect import interval

Floats = NDArray[np.float64]

ERROR = 0.05
"""The share of campaigns in which some interval of the path may miss the truth."""
TUNED_TO = 500
"""Customers at which a confidence sequence without a plan is shortest."""
_POINTS = 801
_REACH = 9.0
"""Half-width of the grid of the standardised score, and its points: probabilities are exact to about 1e-5."""
_WIDEST = 8.0
"""A boundary beyond which nothing is spent: its error is below 1e-14."""


@dataclass(frozen=True)
class Look:
    """What one look saw: the share of the plan that was in, the estimate and its standard error in the outcome's unit.

    ``skewness`` is that of the estimate, as `training.experiments.effect.Effect` has it.
    """

    share: float
    value: float
    standard_error: float
    skewness: float = 0.0


@dataclass(frozen=True)
class LookedAt:
    """One look with the interval that holds at every look, and beside it the naive one, which does not."""

    share: float
    value: float
    low: float
    high: float
    naive_low: float
    naive_high: float

    @property
    def is_proven(self) -> bool:
        """Whether the interval that holds at every look leaves out zero."""
        return self.low > 0 or self.high < 0


def spent(share: float, error: float = ERROR) -> float:
    """The error that may be spent until this share of the plan is in, half of it on each side: none at 0, all of it at 1.

    >>> round(spent(1.0), 4), round(spent(0.5), 4)
    (0.05, 0.0031)
    """
    if share <= 0:
        return 0.0
    return float(4 * stats.norm.sf(stats.norm.isf(error / 4) / np.sqrt(min(share, 1.0))))


def boundaries(shares: Sequence[float], error: float = ERROR) -> Floats:
    """How many standard errors the interval of each look reaches, for looks at these rising shares of the plan.

    Raises ValueError: the shares do not rise, or lie outside (0, 1].
    """
    return np.array(_boundaries(tuple(map(float, shares)), error))


@lru_cache(maxsize=64)
def _boundaries(shares: tuple[float, ...], error: float) -> tuple[float, ...]:
    rising = np.asarray(shares)
    if len(rising) == 0 or rising[0] <= 0 or rising[-1] > 1 + 1e-9 or (np.diff(rising) <= 0).any():
        raise ValueError("shares of the plan must rise within (0, 1]")
    grid = np.linspace(-_REACH, _REACH, _POINTS)
    density, before, reached = np.zeros(0), 0.0, []
    for share in rising:
        now = _normal(grid) if before == 0 else _carried(density, grid, before, share)
        still = spent(share, error) - spent(before, error)
        boundary = _boundary(now, grid, still)
        reached.append(boundary)
        density, before = now * _edge(grid, boundary), share
    return tuple(reached)


def looked_at(looks: Sequence[Look], error: float = ERROR) -> list[LookedAt]:
    """The looks of a plan with their intervals; they hold the truth all together with probability 1 - ``error``."""
    reaches = boundaries([look.share for look in looks], error)
    naive = float(stats.norm.isf(error / 2))
    return [
        LookedAt(
            look.share,
            look.value,
            *interval(look.value, look.standard_error, float(reach), look.skewness),
            *interval(look.value, look.standard_error, naive, 0.0),
        )
        for look, reach in zip(looks, reaches, strict=True)
    ]


def any_time_reach(customers: Floats, error: float = ERROR, tuned_to: float = TUNED_TO) -> Floats:
    """How many standard errors an interval reaches that holds at any number of ``customers``, without a plan.

    The asymptotic confidence sequence of Waudby-Smith et al. (2024), shortest near ``tuned_to`` customers.
    """
    wide = np.sqrt((-2 * np.log(error) + np.log(-2 * np.log(error) + 1)) / tuned_to)
    spread = np.asarray(customers, dtype=np.float64) * wide**2
    reach: Floats = np.sqrt((spread + 1) / spread * (np.log(spread + 1) - 2 * np.log(error)))
    return reach


def _carried(density: Floats, grid: Floats, before: float, share: float) -> Floats:
    """The density of the standardised score at the next look, of those who went on at the one before."""
    root, step = np.sqrt(before / share), grid[1] - grid[0]
    spread = np.sqrt(1 - before / share)
    kernel = _normal((grid[:, None] - root * grid[None, :]) / spread) / spread
    carried: Floats = kernel @ density * step
    return carried


def _normal(score: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * score**2) / np.sqrt(2 * np.pi)
    return density


def _edge(grid: Floats, boundary: float) -> Floats:
    """The weight of the cells that the boundary cuts through: the part of each that lies inside."""
    step = grid[1] - grid[0]
    inside: Floats = np.clip((boundary - np.abs(grid)) / step + 0.5, 0.0, 1.0)
    return inside


def _boundary(density: Floats, grid: Floats, still: float) -> float:
    """Where the density has ``still`` left on both sides beyond."""
    step = grid[1] - grid[0]

    def beyond(boundary: float) -> float:
        return float((density * (1 - _edge(grid, boundary))).sum() * step) - still

    if beyond(_WIDEST) >= 0:
        return _WIDEST
    return float(brentq(beyond, 0.0, _WIDEST, xtol=1e-8))
