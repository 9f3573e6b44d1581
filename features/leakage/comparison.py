"""Two snapshots side by side: for which customers does a feature differ, and is it more than rounding?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ROWS = "customer_id"
"""Stands for a feature where customers have a row in one snapshot only."""

ROUNDING = 1e-10
"""Two sums of the same numbers in another order differ by less than this share of them."""

OF_TYPICAL = 1e-13
"""The same for differences near zero, as a share of a typical value of the feature."""


@dataclass(frozen=True)
class Difference:
    """In how many customers a feature differs, and for one of them its two values (None: missing)."""

    feature: str
    customers: int
    example: str
    values: tuple[float | None, float | None]


@dataclass(frozen=True)
class Comparison:
    """What differs, and the features of which some last digits differ because sums were formed in another order."""

    differences: tuple[Difference, ...]
    rounded: tuple[str, ...]


def at(table: pa.Table, cutoff: datetime) -> pa.Table:
    """The rows of one cut-off."""
    return table.filter(pc.equal(table["as_of"], pa.scalar(cutoff, pa.timestamp("us", "UTC"))))


def compare(one: pa.Table, other: pa.Table, features: Sequence[str]) -> Comparison:
    """Compare two snapshots at one cut-off, bit for bit; both ordered by customer."""
    ids, others = (np.asarray(t["customer_id"].to_pylist(), dtype=object) for t in (one, other))
    common, of_one, of_other = np.intersect1d(ids, others, assume_unique=True, return_indices=True)
    found = [*_missing_rows(ids, others)]
    rounded = []
    for name in features:
        left, right = _values(one[name], of_one), _values(other[name], of_other)
        differs, near = _differing(left, right)
        if near.any():
            rounded.append(name)
        if differs.any():
            first = int(np.flatnonzero(differs)[0])
            found.append(
                Difference(name, int(differs.sum()), common[first], (_value(left, first), _value(right, first)))
            )
    return Comparison(tuple(found), tuple(rounded))


_Column = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Values, and whether they are given."""


def _missing_rows(ids: NDArray[np.object_], others: NDArray[np.object_]) -> Iterator[Difference]:
    alone = np.setxor1d(ids, others, assume_unique=True)
    if len(alone):
        before = 1.0 if alone[0] in set(ids) else 0.0
        yield Difference(ROWS, len(alone), alone[0], (before, 1.0 - before))


def _values(column: pa.ChunkedArray, rows: NDArray[np.intp]) -> _Column:
    given = np.asarray(pc.is_valid(column).to_numpy(), dtype=np.bool_)
    values = np.asarray(pc.fill_null(column, 0.0).to_numpy(), dtype=np.float64)
    return np.ascontiguousarray(values[rows]), given[rows]


def _value(column: _Column, row: int) -> float | None:
    return float(column[0][row]) if column[1][row] else None


def _differing(left: _Column, right: _Column) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where two columns differ, and where only in what the order of summation explains."""
    (a, has_a), (b, has_b) = left, right
    bits = a.view(np.int64) != b.view(np.int64)
    larger = np.maximum(np.abs(a), np.abs(b))
    typical = float(np.median(larger[larger > 0])) if (larger > 0).any() else 0.0
    with np.errstate(invalid="ignore"):
        near = has_a & has_b & bits & (np.abs(a - b) <= ROUNDING * larger + OF_TYPICAL * typical)
    return (has_a != has_b) | (bits & has_a & has_b & ~near), np.asarray(near)
