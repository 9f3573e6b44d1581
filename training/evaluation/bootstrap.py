"""How sure a metric is: a bootstrap over customers, for any number of metrics at once.

A customer who was looked at on several cut-offs has several rows that are alike. Customers, not rows, are drawn with
replacement, and each row counts as often as its customer was drawn (Field and Welsh 2007). All metrics see the same
draws, so that the difference between two models is as sure as it is, not as the two are each.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import BOOTSTRAP_ROUNDS
from training.evaluation.weighted import Measure

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Name = TypeVar("Name", bound=Hashable)

CELLS_AT_ONCE = 2_000_000
LEAST_CUSTOMERS = 10
"""With fewer customers than this, an interval would be more random than the metric."""

LEAST_DEFINED = 0.9
"""Share of the resamples in which a metric must be defined for an interval to be given."""


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its 95 % interval and its standard error; NaN where it cannot be said."""

    value: float
    low: float
    high: float
    standard_error: float

    @classmethod
    def normal(cls, value: float, standard_error: float) -> Self:
        """An estimate whose error is taken to be normal."""
        return cls(value, value - 1.96 * standard_error, value + 1.96 * standard_error, standard_error)

    @property
    def known(self) -> bool:
        """Whether the number itself can be said."""
        return bool(np.isfinite(self.value))

    @property
    def bounded(self) -> bool:
        """Whether it has an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def bootstrap(
    customers: Integers, measures: Mapping[Name, Measure], seed: int, rounds: int = BOOTSTRAP_ROUNDS
) -> dict[Name, Estimate]:
    """Each metric with its interval. ``customers`` says whose row each is (any integers), shape (rows,).

    Intervals are percentiles of the resamples. Where chance alone raises a metric, percentiles would deny a perfect model
    its zero: there the lower end is the value less what 97.5 % of the resamples have of noise, and not below zero. By the
    triangle inequality it is too low rather than too high.
    """
    counted = {name: float(measure.of(np.ones((len(customers), 1)))[0]) for name, measure in measures.items()}
    if len(np.unique(customers)) < LEAST_CUSTOMERS:
        return {name: Estimate(value, np.nan, np.nan, np.nan) for name, value in counted.items()}
    drawn: dict[Name, list[Floats]] = {name: [] for name in measures}
    noise: dict[Name, list[Floats]] = {name: [] for name, measure in measures.items() if measure.noise}
    for weights in resamples(customers, seed, rounds):
        for name, measure in measures.items():
            drawn[name].append(measure.of(weights))
            if measure.noise:
                noise[name].append(measure.noise(weights))
    return {
        name: _estimate(value, np.concatenate(drawn[name]), np.concatenate(noise[name]) if name in noise else None)
        for name, value in counted.items()
    }


def resamples(customers: Integers, seed: int, rounds: int = BOOTSTRAP_ROUNDS) -> Iterator[Floats]:
    """How often each row counts in each resample, in blocks of shape (rows, some resamples)."""
    distinct, owner = np.unique(customers, return_inverse=True)
    generator = np.random.default_rng(seed)
    at_once = max(1, CELLS_AT_ONCE // len(customers))
    for start in range(0, rounds, at_once):
        times = np.empty((len(distinct), min(at_once, rounds - start)))
        for column in range(times.shape[1]):
            times[:, column] = np.bincount(generator.integers(0, len(distinct), len(distinct)), minlength=len(distinct))
        yield times.take(owner, axis=0)


def clustered_mean(values: Floats, customers: Integers) -> Estimate:
    """The mean over rows, with the standard error over customers, whose rows may be alike (Liang and Zeger 1986)."""
    mean = float(values.mean())
    sums = np.bincount(np.unique(customers, return_inverse=True)[1], weights=values - mean)
    clusters = len(sums)
    if clusters < 2:
        return Estimate(mean, np.nan, np.nan, np.nan)
    error = float(np.sqrt(clusters / (clusters - 1) * (sums @ sums)) / len(values))
    return Estimate.normal(mean, error)


def _estimate(value: float, draws: Floats, noise: Floats | None) -> Estimate:
    defined = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(defined) < LEAST_DEFINED * len(draws):
        return Estimate(value, np.nan, np.nan, np.nan)
    low, high = (float(end) for end in np.quantile(defined, (0.025, 0.975)))
    if noise is not None:
        low = max(0.0, value - float(np.nanquantile(noise, 0.975)))
    return Estimate(value, low, high, float(defined.std(ddof=1)))
