"""Between what will come true lies with a probability of 90 %, learnt from what came of earlier forecasts.

No distribution is assumed, so that any forecast can have an interval. An outcome is measured by how many spreads it lies
from its forecast, and quantiles of that measure are taken among customers of whom about as many purchases were expected:
conformal prediction by groups (Vovk, Gammerman & Shafer 2005; Papadopoulos, Gammerman & Vovk 2008), with groups that slide
over the expectation in place of fixed ones.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from features.errors import ModelError
from features.text import Text

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

SHARE = 0.9
OUTSIDE = (1 - SHARE) / 2
"""What may lie below an interval, and what above it."""
LEAST_EXPECTED = 1e-3
"""Customers of whom fewer purchases are expected are taken to be alike."""
KNOTS = 24
NEIGHBOURS = 250
LEAST_NEIGHBOURS = 30
LEAST_ALIVE = 1e-2
LEAST_OF_PURCHASES = 1e-2
"""Single purchases count with at least this part of a Poisson count's variance, so that no spread is 0."""
CAUSES = 3
COLUMNS = ("variances", "knots", "low", "high", "nothing", "less")


@dataclass(frozen=True)
class Forecasts:
    """What was expected of customers, each of shape (customers,).

    ``purchases``, a number; ``alive``, the probability that the customer has not left; ``value``, in purchases or in
    currency; ``size`` above 0, what one purchase counts in units of the value.
    """

    purchases: Floats
    alive: Floats
    value: Floats
    size: Floats

    @classmethod
    def joined(cls, parts: "Sequence[Forecasts]") -> "Forecasts":
        """Several as one, in their order."""
        return cls(*(np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(cls)))

    @property
    def key(self) -> Floats:
        """By which customers are alike: the logarithm of the expected purchases."""
        return np.log(np.maximum(self.purchases, LEAST_EXPECTED))

    @property
    def sign(self) -> Floats:
        """-1 for those who are expected to bring less than 0, else 1."""
        return np.where(self.value < 0, -1.0, 1.0)

    @property
    def causes(self) -> Floats:
        """Of what the variance is made, shape (customers, 3): single purchases, rates, and whether the customer is there."""
        squares = self.purchases**2
        gone = (1 - self.alive) / np.maximum(self.alive, LEAST_ALIVE)
        parts = np.column_stack([np.maximum(self.purchases, LEAST_EXPECTED), squares, squares * gone])
        return np.asarray(parts * self.size[:, None] ** 2)


@dataclass(frozen=True)
class Intervals:
    """``variances``: how much each cause of `Forecasts.causes` counts. At each of the ``knots`` (expected purchases, in logs):
    ``low`` and ``high``, in spreads from the forecast, and the shares of customers of whom ``nothing`` or ``less`` came.

    ``whole``: what comes is a whole number from 0. Who is expected to bring less than 0 is the mirror image of the others.
    """

    variances: tuple[float, ...]
    knots: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    nothing: tuple[float, ...]
    less: tuple[float, ...]
    whole: bool

    @classmethod
    def fit(cls, forecasts: Forecasts, came: Floats, whole: bool, seed: int) -> Self:
        """Intervals that would have held, from earlier forecasts and what came of them.

        Where nothing comes so often that an interval begins at 0, more may lie above it. Whole numbers are spread evenly over half
        a unit to either side. A number then lies in the interval when at least half of it does, so that on average as
        many do as should; where one number, such as 0, is alone so frequent, more do.
        """
        variances = _variances(forecasts, came)
        order = np.argsort(forecasts.key, kind="stable")
        key, mirrored = forecasts.key[order], (came * forecasts.sign)[order]
        spread_out = mirrored + np.random.default_rng(seed).random(len(key)) - 0.5 if whole else mirrored
        off = (spread_out - np.abs(forecasts.value[order])) / _spread(forecasts, variances)[order]
        windows = _windows(len(key))
        nothing, less = (mirrored[windows] == 0).mean(axis=1), (mirrored[windows] < 0).mean(axis=1)
        below = np.where((less <= OUTSIDE) & (less + nothing > OUTSIDE), less, OUTSIDE)
        ends = np.sort(off[windows], axis=1)
        knots, low, high, of_nothing, of_less = (
            tuple(column.tolist())
            for column in (
                key[windows].mean(axis=1),
                _quantile(ends, np.full(len(ends), OUTSIDE)),
                _quantile(ends, below + SHARE),
                nothing,
                less,
            )
        )
        return cls(variances, knots, low, high, of_nothing, of_less, whole)

    def of(self, forecasts: Forecasts) -> tuple[Floats, Floats]:
        """Low and high, in units of the value, each of shape (customers,)."""
        spread, key, value = _spread(forecasts, self.variances), forecasts.key, np.abs(forecasts.value)
        low, high = (value + spread * np.interp(key, self.knots, end) for end in (self.low, self.high))
        less, nothing = (np.interp(key, self.knots, share) for share in (self.less, self.nothing))
        low = np.where(less > OUTSIDE, low, np.where(less + nothing > OUTSIDE, 0.0, np.maximum(low, 0.0)))
        high = np.where(less + nothing >= 1 - OUTSIDE, np.minimum(high, 0.0), np.maximum(high, 0.0))
        if self.whole:
            low, high = np.ceil(low), np.floor(high)
        high = np.maximum(high, low)
        return np.where(forecasts.sign < 0, -high, low), np.where(forecasts.sign < 0, -low, high)

    def to_json(self) -> dict[str, Any]:
        """The intervals as a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The intervals from what `to_json` gave. Raises ModelError: numbers are missing, or of unequal length."""
        columns = {name: tuple(float(value) for value in stored[name]) for name in COLUMNS}
        at_knots = {len(columns[name]) for name in COLUMNS[1:]}
        if len(at_knots) != 1 or len(columns["variances"]) != CAUSES or not columns["knots"]:
            raise ModelError(
                Text(
                    "Stored intervals have columns of {lengths} numbers; expected {causes} variances and equally many "
                    "numbers at each knot. Train again.",
                    "存储的区间各列的长度为 {lengths}；应有 {causes} 个方差，且各节点的数值个数相等。请重新训练。",
                ),
                lengths=", ".join(str(len(column)) for column in columns.values()),
                causes=CAUSES,
            )
        return cls(**columns, whole=bool(stored["whole"]))


def _variances(forecasts: Forecasts, came: Floats) -> tuple[float, ...]:
    causes = forecasts.causes
    weight = 1 / causes[:, :2].sum(axis=1)
    found, _ = nnls(causes * weight[:, None], (came - forecasts.value) ** 2 * weight)
    found[0] = max(found[0], LEAST_OF_PURCHASES)
    return tuple(found.tolist())


def _spread(forecasts: Forecasts, variances: tuple[float, ...]) -> Floats:
    return np.asarray(np.sqrt(forecasts.causes @ np.array(variances)))


def _windows(customers: int) -> Indices:
    """The neighbours of each knot, as places in the order of the expectation, shape (knots, neighbours)."""
    width = min(max(LEAST_NEIGHBOURS, min(NEIGHBOURS, customers // 8)), customers)
    centres = np.unique(np.linspace(0, customers - 1, KNOTS).round().astype(np.int64))
    begins = np.unique(np.clip(centres - width // 2, 0, customers - width))
    return np.asarray(begins[:, None] + np.arange(width))


def _quantile(ordered: Floats, level: Floats) -> Floats:
    """Where so many of one more lie below: the level that an outcome to come keeps, from rows in rising order."""
    rows, count = np.arange(len(ordered)), ordered.shape[1]
    place = np.clip(level * (count + 1) - 1, 0, count - 1)
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, count - 1)
    part = place - lower
    return np.asarray((1 - part) * ordered[rows, lower] + part * ordered[rows, upper])
