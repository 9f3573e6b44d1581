"""The grid of days around the due day, and invoice-periods: one row for each interval that an invoice was seen open in.

Days count from the due day, so that all invoices share what happens on it; an invoice enters the grid where it stands
when it is looked at, in the middle of an interval if need be. An interval counts only if it was followed to its end,
whatever happened in it, which leaves the hazards unbiased; Singer and Willett 1993, Tutz and Schmid 2016.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

LATE_DAY, LATE_30_DAY = 1.0, 31.0
"""The first day on which a payment is late, and more than 30 days late, counted from the due day."""

EDGES: Floats = np.array(
    [
        *(
            -365,
            -180,
            -120,
            -90,
            -75,
            -60,
            -52,
            -45,
            -38,
            -31,
            -28,
            -25,
            -22,
            -19,
            -16,
            -14,
            -12,
            -10,
            -8,
            -6,
            -5,
            -4,
            -3,
        ),
        *(-2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 21, 26, 31, 38, 45, 52, 60, 75, 91, 121, 151, 181, 241, 361),
    ],
    dtype=np.float64,
)
"""Beginnings of the intervals in days after the due day, and the end of the last: finer near the due day."""

INTERVALS = len(EDGES) - 1


@dataclass(frozen=True)
class Outcomes:
    """What became of invoices, in days after the due day; each of shape (rows,).

    ``entry``: where it stood when it was looked at. ``paid``: the day of payment, ``inf`` while it is not known to be
    paid. ``followed``: up to where (exclusive) it is known what happened.
    """

    entry: Floats
    paid: Floats
    followed: Floats

    def __len__(self) -> int:
        return len(self.entry)

    def take(self, rows: Indices | NDArray[np.bool_]) -> "Outcomes":
        """Those of some rows, given by position or mark."""
        return Outcomes(self.entry[rows], self.paid[rows], self.followed[rows])

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Whether the payment was seen, shape (rows,)."""
        return self.paid < self.followed

    def later_than(self, day: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Whether each is paid on ``day`` or later (0 or 1), and whether that was open when looked at and is known by now.

        Known is it of all alike from that day on: of those paid before it no sooner than of the others.
        """
        return (self.paid >= day).astype(np.int64), (self.entry < day) & (self.followed >= day)


@dataclass(frozen=True)
class Periods:
    """Each of shape (periods,): ``row`` and ``interval`` (positions), whether it was ``paid`` in it (0 or 1)."""

    row: Indices
    interval: Indices
    paid: Floats

    def of_rows(self, rows: NDArray[np.bool_]) -> "Periods":
        """The periods of some rows, given by mark; they keep their positions."""
        chosen = rows[self.row]
        return Periods(self.row[chosen], self.interval[chosen], self.paid[chosen])


def periods_of(outcomes: Outcomes) -> Periods:
    """The intervals in which each row was seen open, to the one in which it was paid."""
    seen = EDGES[1:] <= outcomes.followed[:, None]
    seen &= (EDGES[1:] > outcomes.entry[:, None]) & (EDGES[:-1] <= outcomes.paid[:, None])
    row, interval = np.nonzero(seen)
    return Periods(row, interval, (outcomes.paid[row] < EDGES[1:][interval]).astype(np.float64))


def begin_of(entry: Floats, interval: Indices) -> Floats:
    """Where an interval begins for a row that entered the grid at ``entry``: there, if that is within it."""
    return np.maximum(EDGES[:-1][interval], entry)
