"""Every gap of every customer, the open one last, with what was known of its own gaps before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.rhythm_alarm.clock import Clock
from training.rhythm_alarm.own_gaps import Seen
from training.rhythm_alarm.visits import Floats, Integers, Visits

NOON = 0.5
LEAST_DAYS = 0.2
"""Two purchase days are at least so many clock days apart: on a quiet weekend hardly any time passes."""


@dataclass(frozen=True)
class Gaps:
    """One row a gap, by customer and time; each customer who ever bought has an open one last.

    ``customer``: place of the customer. ``begin``: the purchase day it began with, ``end``: that it ended with; of the open one
    the day until which nothing is known to have been bought. ``days``: its length in clock days. ``seen``: the gaps before it.
    ``number``: how many these are.
    """

    customer: Integers
    begin: Integers
    end: Integers
    is_open: NDArray[np.bool_]
    days: Floats
    seen: Seen
    number: Integers

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether a row is the first that there is of its customer."""
        return np.append(True, self.customer[1:] != self.customer[:-1])[: len(self.customer)]

    def recent(self, most: int) -> "Gaps":
        """The open gap of each customer with the ``most`` before it."""
        last = np.searchsorted(self.customer, self.customer, "right") - 1
        kept = last - np.arange(len(self.customer)) <= most
        return Gaps(
            self.customer[kept],
            self.begin[kept],
            self.end[kept],
            self.is_open[kept],
            self.days[kept],
            self.seen.of(kept),
            self.number[kept],
        )


def gaps_of(visits: Visits, clock: Clock) -> Gaps:
    """The gaps between ``visits``, and those open at their end."""
    is_open = np.append(visits.customer[1:] != visits.customer[:-1], True)[: len(visits.day)]
    end = np.where(is_open, visits.until, np.append(visits.day[1:], visits.until)[: len(visits.day)])
    # From noon until the morning: of purchases at random that fall on whole days, gaps counted so are exponential again.
    days: Floats = np.maximum(clock.at(end) - clock.at(visits.day + NOON), LEAST_DAYS)
    number = np.arange(len(days)) - np.searchsorted(visits.customer, visits.customer)
    first = np.arange(len(days)) - number
    seen = Seen(number.astype(np.float64), _before(days, first), _before(np.log(days), first))
    return Gaps(visits.customer, visits.day, end, is_open, days, seen, number)


def _before(values: Floats, first: Integers) -> Floats:
    """Sum of the values of the same customer before each row; ``first`` is the customer's first row."""
    before: Floats = np.concatenate([[0.0], np.cumsum(values)])[:-1]
    return before - before[first] if len(values) else values


def completed(gaps: Gaps) -> Seen:
    """All completed gaps of each customer who has any row, by customer."""
    return gaps.seen.of(gaps.is_open)
