"""Survival curves of many customers on one grid of days, and what can be read from them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]

INTERVAL = (0.1, 0.9)
"""Shares of probability before the early and the late end of the 80 % interval."""
LEAST_SURVIVAL = 1e-12
LEAST_HAZARD = 1e-12
"""Cumulative hazard below which a curve has no shape worth the name."""


@dataclass(frozen=True)
class SurvivalCurves:
    """When the event comes for each row, as far as the grid reaches.

    ``edges_days``: ends of the intervals of the grid, ascending from 0, shape (edges,). ``cumulative_hazard``: shape
    (rows, edges), never falling, 0 at day 0; the probability that the event comes at an edge or later is exp(-it).
    Within an interval the hazard is constant. Beyond the last edge nothing is said: NaN.
    """

    edges_days: Floats
    cumulative_hazard: Floats

    @classmethod
    def from_survival(cls, edges_days: Floats, survival: Floats) -> Self:
        """Curves through given probabilities at the edges, shape (rows, edges); they are held above 1e-12."""
        return cls(edges_days, -np.log(np.maximum(survival, LEAST_SURVIVAL)))

    def __len__(self) -> int:
        return len(self.cumulative_hazard)

    @property
    def end_days(self) -> float:
        """Up to where the curves reach."""
        return float(self.edges_days[-1])

    def take(self, rows: Indices | Bools) -> Self:
        """The curves of some rows, given by position or mark."""
        return type(self)(self.edges_days, self.cumulative_hazard[rows])

    def survival(self, day: ArrayLike) -> Floats:
        """Probability that the event comes at ``day`` or later, shape (rows,); one day for all or one for each row."""
        return np.asarray(np.exp(-self._hazard_until(day)))

    def survival_at(self, days: Floats) -> Floats:
        """The same at several days, shape (rows, days)."""
        return np.stack([self.survival(day) for day in days], axis=1)

    def days_until(self, share: float) -> Floats:
        """Day before which the event comes with probability ``share``, shape (rows,); NaN where beyond the grid.

        >>> SurvivalCurves.from_survival(np.array([0.0, 10.0]), np.array([[1.0, 0.25]])).days_until(0.5)
        array([5.])
        """
        target = -np.log1p(-share)
        below = (self.cumulative_hazard < target).sum(axis=1)
        is_seen = below < len(self.edges_days)
        right = np.clip(below, 1, len(self.edges_days) - 1)
        rows = np.arange(len(self))
        before, after = self.cumulative_hazard[rows, right - 1], self.cumulative_hazard[rows, right]
        rise = np.where(is_seen, after - before, 1.0)
        begin, end = self.edges_days[right - 1], self.edges_days[right]
        return np.where(is_seen, begin + (end - begin) * (target - before) / rise, np.nan)

    def median_days(self) -> Floats:
        """Day before which the event is as likely as not, shape (rows,); NaN where beyond the grid."""
        return self.days_until(0.5)

    def interval_days(self) -> tuple[Floats, Floats]:
        """Early and late end of the 80 % interval, each of shape (rows,); NaN where beyond the grid."""
        return self.days_until(INTERVAL[0]), self.days_until(INTERVAL[1])

    def restricted_mean_days(self) -> Floats:
        """Mean days to the event or to the end of the grid, whatever comes first, shape (rows,)."""
        rise, survival = np.diff(self.cumulative_hazard, axis=1), np.exp(-self.cumulative_hazard[:, :-1])
        # mean share of the interval that is lived through at a constant hazard; 1 where there is none
        lived = np.divide(-np.expm1(-rise), rise, out=np.ones_like(rise), where=rise > 0)
        return np.asarray((survival * lived) @ np.diff(self.edges_days))

    def rescaled(self, day: float, survival: Floats) -> Self:
        """The same shapes, with hazards multiplied so that survival at ``day`` is as given, shape (rows,).

        For a churn model that foretells silence, ``survival`` is its calibrated probability and ``day`` its horizon; for
        one that foretells the end of a contract it is one less that probability. Probabilities are held above 1e-12. A
        curve with next to no hazard until ``day`` has no shape; it gets an even one.
        Raises ValueError: ``day`` is not within the grid.
        """
        if not 0 < day <= self.end_days:
            raise ValueError(f"day {day:g} is not within the {self.end_days:g} days of the curves")
        wanted = -np.log(np.clip(survival, LEAST_SURVIVAL, 1.0))
        own = self._hazard_until(day)
        is_flat = own < LEAST_HAZARD
        shape = np.where(is_flat[:, None], self.edges_days / day, self.cumulative_hazard)
        return type(self)(self.edges_days, shape * (wanted / np.where(is_flat, 1.0, own))[:, None])

    def _hazard_until(self, day: ArrayLike) -> Floats:
        """Cumulative hazard at one day for all or one for each row, shape (rows,); NaN beyond the grid."""
        days = np.broadcast_to(np.asarray(day, dtype=np.float64), (len(self),))
        right = np.clip(np.searchsorted(self.edges_days, days, "left"), 1, len(self.edges_days) - 1)
        rows = np.arange(len(self))
        before, after = self.cumulative_hazard[rows, right - 1], self.cumulative_hazard[rows, right]
        begin, end = self.edges_days[right - 1], self.edges_days[right]
        # written so that it gives the edges' own values at the edges
        part = (days - begin) / (end - begin)
        hazard = before * (1 - part) + after * part
        return np.where((days >= 0) & (days <= self.end_days), hazard, np.nan)
