"""Whether the customers who are scored are still like those that a model was learnt among: the population stability index.

The customers of the training's last day are put into ten parts of like size by each feature, those without a value into one
of their own. With the share e of a part then and a now, the index is the sum of (a − e) · ln(a / e) over the parts (Siddiqi
2006, Credit Risk Scorecards): below 0.1 is called stable, above 0.25 another population. Between n customers then and
m now who do not differ it is about (1/n + 1/m) times a chi-square of (parts − 1) degrees of freedom (Yurdakul 2018,
Statistical Properties of Population Stability Index), so that a few customers may come out above 0.25 by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtri

PROBABILITY = "churn_probability"
PARTS = 10
MOVED = 0.25
CONFIDENCE = 0.99
"""How sure it has to be that an index above `MOVED` is no chance."""

Counts = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Reference:
    """Customers by the parts of one column: ``edges``, ascending; ``customers`` up to the first edge, …, above the last, without a value."""

    edges: tuple[float, ...]
    customers: tuple[int, ...]


@dataclass(frozen=True)
class Drift:
    """The index of each column between the customers then and those now."""

    customers_then: int
    customers_now: int
    index: Mapping[str, float]
    limit: Mapping[str, float]

    @property
    def moved(self) -> list[str]:
        """The columns that have moved, the furthest first."""
        found = [name for name, value in self.index.items() if value > self.limit[name]]
        return sorted(found, key=lambda name: (-self.index[name], name))


@dataclass(frozen=True)
class Population:
    """The customers of whom a model could tell a risk on the last day that it learnt from, by column."""

    columns: Mapping[str, Reference]

    @classmethod
    def of(cls, frame: pd.DataFrame, names: Sequence[str]) -> Self:
        """Of the columns ``names`` (numbers, NaN where missing) of customers, one row each."""
        return cls({name: _reference(frame[name].to_numpy(dtype=np.float64)) for name in names})

    def counted(self, frame: pd.DataFrame) -> Counts:
        """The customers of ``frame`` by the parts of each column; what is counted of several frames adds up."""
        return {
            name: _counted(frame[name].to_numpy(dtype=np.float64), np.array(one.edges))
            for name, one in self.columns.items()
        }

    def drift(self, counts: Counts) -> Drift | None:
        """How far the customers that were counted are from these; None where there are none."""
        then = {name: np.array(one.customers, dtype=np.float64) for name, one in self.columns.items()}
        before, now = (int(next(iter(table.values())).sum()) if table else 0 for table in (then, counts))
        if not before or not now:
            return None
        index = {name: _index(customers, counts[name]) for name, customers in then.items()}
        limit = {name: _limit(before, now, len(customers)) for name, customers in then.items()}
        return Drift(before, now, index, limit)

    def as_document(self) -> dict[str, Any]:
        """Itself as JSON's dicts and lists."""
        return {name: [list(one.edges), list(one.customers)] for name, one in self.columns.items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_document` gave."""
        return cls({name: Reference(tuple(edges), tuple(counts)) for name, (edges, counts) in document.items()})


def added(one: Counts, other: Counts) -> Counts:
    """What was counted of two frames together."""
    return {name: one[name] + counts for name, counts in other.items()} if one else other


def _reference(values: NDArray[np.float64]) -> Reference:
    known = values[np.isfinite(values)]
    shares = np.arange(1, PARTS) / PARTS
    edges = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else np.zeros(0)
    return Reference(tuple(edges.tolist()), tuple(_counted(values, edges).tolist()))


def _counted(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    part = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(part, minlength=len(edges) + 2)


def _index(then: NDArray[np.float64], now: NDArray[np.int64]) -> float:
    """Half a customer is put into each part, so that an empty one counts much, but not without end."""
    expected, actual = ((part + 0.5) / (part + 0.5).sum() for part in (then, now.astype(np.float64)))
    return float(((actual - expected) * np.log(actual / expected)).sum())


def _limit(then: int, now: int, parts: int) -> float:
    by_chance = (1 / then + 1 / now) * float(chdtri(parts - 1, 1 - CONFIDENCE))
    return max(MOVED, by_chance)
