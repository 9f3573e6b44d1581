"""The clock by which customers buy: it stands nearly still on days when hardly anybody buys, and slows in a slack season.

Without it each weekend and each summer would look like silence. The pace of a weekday is its share of all purchase days,
that of a month the season which all share (`training.trajectory.season`), where it is sure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.rhythm_alarm.visits import Floats, Integers, Visits
from training.trajectory.season import PHASES, shared_season

WEEK_DAYS, MONTH_DAYS, MONTHS = 7, 30, 24
LEAST_VISITS = 700
"""With fewer, the weekdays are taken to be alike."""
LEAST_PACE = 0.02
"""No day counts for less: the clock must go on, and a purchase on a quiet day may happen."""


@dataclass(frozen=True)
class Clock:
    """Clock days that have passed by the beginning of each calendar day; a clock day is a calendar day on average.

    ``passed[i]`` belongs to day ``first_day + i``.
    """

    first_day: int
    passed: Floats

    def at(self, day: "NDArray[np.floating] | Integers") -> Floats:
        """Clock days passed at ``day`` (days since 1970; noon is .5)."""
        return np.asarray(np.interp(day, self.first_day + np.arange(len(self.passed)), self.passed))

    def day(self, passed: Floats) -> Floats:
        """The moment, in days since 1970, at which so many clock days have passed; infinite beyond the clock's end."""
        moment = np.interp(passed, self.passed, self.first_day + np.arange(len(self.passed)))
        return np.where(passed > self.passed[-1], np.inf, moment)


def shared_clock(visits: Visits, last_day: int) -> Clock:
    """The clock that all customers share, learnt from ``visits``; it runs from the first visit to ``last_day``."""
    first = int(visits.day.min(initial=visits.until))
    days = np.arange(first, max(last_day, visits.until) + 1)
    month = (visits.until - 1 - days) // MONTH_DAYS
    pace = _weekday_pace(visits)[days % WEEK_DAYS] * _season(visits)[month % PHASES]
    return Clock(first, np.concatenate([[0.0], np.cumsum(np.maximum(pace, LEAST_PACE))]))


def _weekday_pace(visits: Visits) -> Floats:
    """Pace of each weekday, mean one, beginning with the day of 1970-01-01; whole weeks alone are counted."""
    whole = visits.day[visits.day >= visits.until - (visits.until - visits.day.min(initial=visits.until)) // 7 * 7]
    if len(whole) < LEAST_VISITS:
        return np.ones(WEEK_DAYS)
    counts = np.bincount(whole % WEEK_DAYS, minlength=WEEK_DAYS)
    return np.asarray(counts / counts.mean(), dtype=np.float64)


def _season(visits: Visits) -> Floats:
    """Pace of each of twelve months of 30 days, counted back from ``until``, mean one."""
    begin = visits.until - MONTH_DAYS * MONTHS
    first = np.full(len(visits.customers), visits.until)
    np.minimum.at(first, visits.customer, visits.day)
    throughout = np.flatnonzero(first < begin)
    place = np.full(len(visits.customers), -1)
    place[throughout] = np.arange(len(throughout))
    row, back = place[visits.customer], (visits.until - 1 - visits.day) // MONTH_DAYS
    counted = (row >= 0) & (back < MONTHS)
    cells = row[counted] * MONTHS + (MONTHS - 1 - back[counted])
    counts = np.bincount(cells, minlength=len(throughout) * MONTHS).reshape(-1, MONTHS).astype(np.float64)
    factors = shared_season(counts) if len(counts) else np.ones(MONTHS)
    by_back = factors[::-1][:PHASES]
    return np.asarray(by_back / by_back.mean())
