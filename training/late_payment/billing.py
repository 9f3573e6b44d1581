"""What the company will bill: its past days repeated, by the rhythm that foretold the latest weeks best.

Invoices of one customer come in its rhythm (every 30 days, on the first of the month), so the sum of a day looks like
the sum of the day one rhythm ago; seasonal-naive forecasts (Hyndman and Athanasopoulos 2021) averaged over some cycles.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEK = 7
PERIODS_DAYS = (7, 14, 28, 30)
MONTH = 0
"""Stands for a rhythm of calendar months: the same day of the months before."""
CYCLES = 4
BACK_WEEKS = 26
AHEAD_WEEKS = 8
YEAR_DAYS = 364
LEAST_RATIO, MOST_RATIO = 0.7, 1.4


@dataclass(frozen=True)
class Rhythm:
    """After how many days billing repeats itself (0: each month), and whether last year's season is followed by half."""

    period_days: int
    is_seasonal: bool


RHYTHMS = tuple(Rhythm(period, seasonal) for seasonal in (False, True) for period in (*PERIODS_DAYS, MONTH))


def billed_ahead(billed: Floats, first_day: date, days: int, rhythm: Rhythm) -> Floats:
    """Expected amount billed on each of the next ``days`` days, shape (days,).

    ``billed`` holds the amount of each day from ``first_day`` to the last one known, shape (known days,).
    """
    known = len(billed)
    place = _places(known, first_day, days, rhythm.period_days)
    if not known:
        return np.zeros(days)
    is_seen = place >= 0
    seen = is_seen.sum(axis=0)
    summed = np.where(is_seen, billed[np.maximum(place, 0)], 0.0).sum(axis=0)
    ahead = np.where(seen > 0, summed / np.maximum(seen, 1), billed.mean())
    return np.asarray(ahead * _season(billed, days) if rhythm.is_seasonal else ahead)


def choose_rhythm(billed: Floats, first_day: date) -> Rhythm:
    """The rhythm whose forecasts of weeks were nearest over the latest half year, by squared error."""
    known = len(billed)
    ends = [
        known - WEEK * back for back in range(AHEAD_WEEKS, BACK_WEEKS + AHEAD_WEEKS) if known - WEEK * back > 2 * WEEK
    ]
    if not ends:
        return RHYTHMS[0]
    errors = {rhythm: sum(_squared_error(billed, first_day, end, rhythm) for end in ends) for rhythm in RHYTHMS}
    return min(RHYTHMS, key=lambda rhythm: errors[rhythm])


def _squared_error(billed: Floats, first_day: date, end: int, rhythm: Rhythm) -> float:
    expected = billed_ahead(billed[:end], first_day, AHEAD_WEEKS * WEEK, rhythm)
    came = billed[end : end + len(expected)]
    return float(np.sum((by_week(expected) - by_week(came)) ** 2))


def by_week(daily: Floats) -> Floats:
    """Sums of whole weeks of daily amounts, shape (weeks,)."""
    return np.asarray(daily.reshape(-1, WEEK).sum(axis=1))


def _places(known: int, first_day: date, days: int, period: int) -> NDArray[np.int64]:
    """For each day ahead the positions of the days that it repeats, -1 where there is none; shape (CYCLES, days)."""
    ahead = np.arange(known, known + days)
    if period == MONTH:
        first = np.datetime64(first_day, "D")
        wanted = first + ahead
        month = wanted.astype("datetime64[M]")
        months = month - np.arange(1, CYCLES + 4)[:, None]
        length = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
        day = np.minimum(wanted - month.astype("datetime64[D]"), length - np.timedelta64(1, "D"))
        place = (months.astype("datetime64[D]") + day - first).astype(np.int64)
        return np.where((place < known) & (place >= 0), place, -1)
    first_back = -(-(np.arange(days) + 1) // period)
    place = ahead - period * (first_back + np.arange(CYCLES)[:, None])
    return np.where(place >= 0, place, -1)


def _season(billed: Floats, days: int) -> float:
    """Half of how much more was billed a year ago in the days ahead than in those before; 1 without such a past."""
    span = 13 * WEEK
    if len(billed) < YEAR_DAYS + span:
        return 1.0
    year_ago = len(billed) - YEAR_DAYS
    before, after = billed[year_ago - span : year_ago].mean(), billed[year_ago : year_ago + days].mean()
    ratio = after / before if before > 0 else 1.0
    return float(np.sqrt(np.clip(ratio, LEAST_RATIO, MOST_RATIO)))
