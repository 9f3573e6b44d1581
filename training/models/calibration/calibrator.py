"""Log-odds turned into probabilities that can be multiplied with money, and how sure they are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.models.calibration.choice import Sample, choose
from training.models.calibration.curves import LEAST_SPREAD, SURE, Curve, Floats, sigmoid
from training.models.calibration.drift import drift_reach

Ints = NDArray[np.int64]

BOOTSTRAP_ROUNDS = 100
MOST_ROWS = 200_000
KNOTS = 65
OUTERMOST = (0.005, 0.995)
"""Between these quantiles of the log-odds lie the knots: beyond them a handful of rows would draw the curve."""


@dataclass(frozen=True)
class Calibrator:
    """A rising curve from raw to calibrated log-odds, straight between its knots and beyond them, with its 95 % band.

    ``knots`` are raw log-odds, ``heights`` the calibrated ones there, and ``below`` and ``above`` how far the band
    reaches to either side, all of shape (knots,). ``kind`` says how the curve was fitted, see `curves.KINDS`.
    The model's contributions stay in raw log-odds: the curve never turns their order round, and where its slope is s a
    contribution moves the calibrated log-odds by about s times itself.
    """

    kind: str
    knots: tuple[float, ...]
    heights: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = (self.knots, self.heights, self.below, self.above)
        if len(self.knots) < 2 or len({len(column) for column in columns}) > 1:
            raise ValueError("a calibrator needs two knots or more, each with a height and a band")
        if not np.isfinite(columns).all():
            raise ValueError("a calibrator consists of finite numbers")
        if not ((np.diff(self.knots) > 0).all() and (np.diff(self.heights) >= 0).all()):
            raise ValueError("the curve of a calibrator never falls")
        if min(*self.below, *self.above) < 0:
            raise ValueError("the band of a calibrator holds its curve")

    @classmethod
    def line(cls, slope: float, offset: float, standard_error: float = 0.0) -> Self:
        """The calibrator slope × log-odds + offset; the slope is zero or above."""
        reach = (SURE * standard_error,) * 2
        return cls("platt", (-1.0, 1.0), (offset - slope, offset + slope), reach, reach)

    @classmethod
    def fit(
        cls,
        log_odds: Floats,
        churned: Ints,
        seed: int,
        customers: ArrayLike | None = None,
        as_of: ArrayLike | None = None,
    ) -> Self:
        """Fit on rows that the model has not seen, with the kind of curve that so many of them can carry.

        ``customers`` says whose row each is: the rows of one customer are alike and are drawn together. Without it each
        row is a customer. ``as_of`` is the cut-off of each row; without it the interval is that of the cut-offs fitted
        on, and not of a later one, whose level may differ.
        Raises ValueError: one of the two outcomes does not occur.
        """
        if not 0 < churned.sum() < len(churned):
            raise ValueError("calibration needs customers who left and customers who stayed")
        generator = np.random.default_rng(seed)
        sample = Sample.of(log_odds, churned, customers).thinned(MOST_ROWS, generator)
        choice = choose(sample, generator)
        knots = _knots(sample.log_odds)
        heights = _heights(choice.kind.fit(sample.counts()), knots)
        drawn = [
            _heights(kind.fit(resample), knots)
            for resample in sample.resamples(BOOTSTRAP_ROUNDS, generator)
            for kind in choice.plausible
        ]
        low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
        below, above = np.maximum(heights - low, 0), np.maximum(high - heights, 0)
        found = cls(choice.kind.name, _plain(knots), _plain(heights), _plain(below), _plain(above))
        if as_of is None:
            return found
        return found._widened(drift_reach(found._log_odds(log_odds), churned, as_of)(heights))

    @property
    def slope(self) -> float:
        """How much the calibrated log-odds rise for one more of the raw ones, over the middle half of the knots."""
        edge = len(self.knots) // 4
        return (self.heights[-1 - edge] - self.heights[edge]) / (self.knots[-1 - edge] - self.knots[edge])

    @property
    def offset(self) -> float:
        """Calibrated log-odds where the raw ones are zero."""
        return float(self._log_odds(np.zeros(1))[0])

    def probability(self, log_odds: Floats) -> Floats:
        """Calibrated probability, shape (rows,)."""
        return sigmoid(self._log_odds(log_odds))

    def interval(self, log_odds: Floats) -> tuple[Floats, Floats]:
        """Ends of the 95 % interval of the calibrated probability, each of shape (rows,).

        It is that of the churn rate among all customers whom the model gives these log-odds, at a cut-off after those
        calibrated on: it holds what chance did to the calibration and how calibration moves over time. One of these
        customers may differ from their rate for reasons that the model does not know; that it does not hold.
        """
        _, low, high = self.with_interval(log_odds)
        return low, high

    def with_interval(self, log_odds: Floats) -> tuple[Floats, Floats, Floats]:
        """Calibrated probability and the ends of its `interval`, each of shape (rows,)."""
        middle = self._log_odds(log_odds)
        knots, _, _, below, above = self._curves
        down, up = (_gap(log_odds, knots, gaps) for gaps in (below, above))
        probability, low, high = sigmoid(np.stack([middle, middle - down, middle + up]))
        return probability, low, high

    def shifted(self, log_odds_shift: float, standard_error: float) -> Self:
        """The same curve at another level, known with that standard error (log-odds), which widens the band."""
        heights = _plain(np.asarray(self.heights) + log_odds_shift)
        return replace(self, heights=heights)._widened(SURE * standard_error)

    def _widened(self, reach: Floats | float) -> Self:
        """With a band that also holds an error of its own that reaches so far, at each knot or at all."""
        below, above = (_plain(np.hypot(gaps, reach)) for gaps in (self.below, self.above))
        return replace(self, below=below, above=above)

    def to_document(self) -> dict[str, Any]:
        """What `from_document` reads, for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` gave.

        Raises KeyError, TypeError, ValueError: it is no calibrator.
        """
        knots, heights, below, above = (
            tuple(map(float, document[name])) for name in ("knots", "heights", "below", "above")
        )
        return cls(str(document["kind"]), knots, heights, below, above)

    @cached_property
    def _curves(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Knots, heights, slopes between them, and the reach of the band below and above, as arrays."""
        knots, heights, below, above = map(np.asarray, (self.knots, self.heights, self.below, self.above))
        return knots, heights, np.diff(heights) / np.diff(knots), below, above

    def _log_odds(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds; beyond the knots the curve goes on as steep as in its outermost piece."""
        knots, heights, slopes, _, _ = self._curves
        beyond = slopes[0] * np.minimum(log_odds - knots[0], 0) + slopes[-1] * np.maximum(log_odds - knots[-1], 0)
        return np.asarray(np.interp(log_odds, knots, heights) + beyond)


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())


def _knots(log_odds: Floats) -> Floats:
    """Evenly spaced raw log-odds over nearly all rows, and one more far beyond either end."""
    low, high = np.quantile(log_odds, OUTERMOST)
    if high - low < LEAST_SPREAD:
        low, high = log_odds.min(), log_odds.max()
    if high - low < LEAST_SPREAD:
        low, high = low - 1, low + 1
    return np.concatenate([[2 * low - high], np.linspace(low, high, KNOTS), [2 * high - low]])


def _heights(curve: Curve, knots: Floats) -> Floats:
    """The curve at the knots; rounding never makes it fall."""
    return np.maximum.accumulate(curve(knots))


def _gap(log_odds: Floats, knots: Floats, gaps: Floats) -> Floats:
    """Reach of the band to one side; beyond the knots it goes on widening as in its outermost piece, never narrowing."""
    first, last = (gaps[0] - gaps[1]) / (knots[1] - knots[0]), (gaps[-1] - gaps[-2]) / (knots[-1] - knots[-2])
    beyond = max(first, 0) * np.maximum(knots[0] - log_odds, 0) + max(last, 0) * np.maximum(log_odds - knots[-1], 0)
    return np.asarray(np.interp(log_odds, knots, gaps) + beyond)
