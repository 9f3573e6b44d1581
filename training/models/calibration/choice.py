"""Which kind of curve so many customers can carry: the stiffest that is as good as any on held-out customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from training.models.calibration.curves import KINDS, LEAST_SPREAD, Counts, Curve, Floats, Kind, fit_platt, sigmoid

Ints = NDArray[np.int64]

MOST_VALUES = 200
FOLDS = 5
PLAUSIBLE = 2.0


@dataclass(frozen=True)
class Sample:
    """Rows to calibrate on: log-odds, outcome, and the number of the customer whose row each is, shape (rows,)."""

    log_odds: Floats
    churned: Ints
    owner: Ints

    @classmethod
    def of(cls, log_odds: Floats, churned: Ints, customers: ArrayLike | None) -> Self:
        """Without ``customers`` each row is one of its own."""
        owners = np.arange(len(churned)) if customers is None else np.asarray(customers)
        return cls(np.asarray(log_odds, dtype=np.float64), churned, np.unique(owners, return_inverse=True)[1])

    @property
    def customers(self) -> int:
        """How many there are."""
        return int(self.owner.max()) + 1

    @property
    def smaller_class(self) -> int:
        """How many customers were seen to do what fewer of them did."""
        return min(len(np.unique(self.owner[self.churned == outcome])) for outcome in (0, 1))

    def thinned(self, most_rows: int, generator: Generator) -> "Sample":
        """At most so many rows, drawn at random."""
        if len(self.churned) <= most_rows:
            return self
        chosen = generator.choice(len(self.churned), most_rows, replace=False)
        return Sample.of(self.log_odds[chosen], self.churned[chosen], self.owner[chosen])

    def counts(self, times: Floats | None = None) -> Counts:
        """The rows counted by their log-odds, each so many ``times``; neighbours share a value where there are many."""
        return self._counted(self._places(), np.ones(len(self.churned)) if times is None else times)

    def resamples(self, rounds: int, generator: Generator) -> Iterator[Counts]:
        """So many bootstrap samples of customers, each with both outcomes."""
        places, made = self._places(), 0
        while made < rounds:
            drawn = np.bincount(generator.integers(0, self.customers, self.customers), minlength=self.customers)
            times = drawn[self.owner].astype(np.float64)
            if 0 < times @ self.churned < times.sum():
                made += 1
                yield self._counted(places, times)

    def _places(self) -> Ints:
        """The number of each row's value among the distinct ones, or of its bin of equal mass where there are too many."""
        values, place = np.unique(self.log_odds, return_inverse=True)
        if len(values) <= MOST_VALUES:
            return np.asarray(place)
        edges = np.unique(np.quantile(self.log_odds, np.linspace(0, 1, MOST_VALUES + 1)[1:-1]))
        return np.searchsorted(edges, self.log_odds)

    def _counted(self, places: Ints, times: Floats) -> Counts:
        rows, summed, churned = (
            np.bincount(places, weights=times * values).astype(np.float64)
            for values in (np.ones(len(times)), self.log_odds, self.churned)
        )
        seen = rows > 0
        return Counts(summed[seen] / rows[seen], rows[seen], churned[seen])


@dataclass(frozen=True)
class Choice:
    """The kind to use, and all that held-out customers do not speak against, among them the one to use."""

    kind: Kind
    plausible: tuple[Kind, ...]


def choose(sample: Sample, generator: Generator) -> Choice:
    """The stiffest kind whose log-loss on held-out customers is within a standard error of the best.

    Only kinds are tried that so many customers can carry. The error is that of the difference between two kinds, over
    customers; the rule is that of Breiman et al. 1984. Plausible is what lies within two standard errors.
    """
    tried = admissible(sample)
    if sample.log_odds.std() < LEAST_SPREAD:
        flat = next(kind for kind in tried if kind.fit is fit_platt)
        return Choice(flat, (flat,))
    losses = _held_out_losses(sample, tried, generator)
    behind = losses - losses[:, [losses.sum(axis=0).argmin()]]
    total, error = behind.sum(axis=0), behind.std(axis=0) * np.sqrt(len(behind))
    plausible = tuple(kind for kind, within in zip(tried, total <= PLAUSIBLE * error, strict=True) if within)
    return Choice(tried[int(np.argmax(total <= error))], plausible)


def admissible(sample: Sample) -> tuple[Kind, ...]:
    """The kinds for which there are enough customers, in all and in the smaller class."""
    customers, smaller = sample.customers, sample.smaller_class
    return tuple(k for k in KINDS if customers >= k.least_customers and smaller >= k.least_of_each_class)


def _held_out_losses(sample: Sample, kinds: tuple[Kind, ...], generator: Generator) -> Floats:
    """Summed log-loss (nats) of each customer under each kind fitted on other customers, shape (customers, kinds)."""
    fold = generator.permutation(sample.customers) % FOLDS
    losses = np.zeros((len(sample.churned), len(kinds)))
    for number in range(FOLDS):
        out = fold[sample.owner] == number
        fitting = sample.counts((~out).astype(np.float64))
        if not 0 < fitting.churned.sum() < fitting.rows.sum():
            continue  # no kind can be fitted, so none is better here
        curves = [kind.fit(fitting) for kind in kinds]
        losses[out] = np.column_stack([_losses(curve, sample.log_odds[out], sample.churned[out]) for curve in curves])
    return np.column_stack([np.bincount(sample.owner, weights=column) for column in losses.T])


def _losses(curve: Curve, log_odds: Floats, churned: Ints) -> Floats:
    probability = sigmoid(curve(log_odds))
    return -np.log(np.where(churned == 1, probability, 1 - probability))
