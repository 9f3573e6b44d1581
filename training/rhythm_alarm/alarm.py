"""The alarm: at which day of a gap the sum of a customer's unusually long gaps exceeds its limit, the open gap included.

The open gap counts as if it ended now, so the sum grows with each day of silence and the alarm rings on the very day on
which the silence becomes too long for a customer whose rhythm has not changed. The limit is each customer's own: who buys
every week has fifty chances a year for a false alarm, who buys each quarter has four, and both shall have the same rate.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from features.text import Text
from training.rhythm_alarm.clock import Clock, shared_clock
from training.rhythm_alarm.cusum import ALLOWANCE, gaps_between, limit_of, run_length_of, yearly_rate
from training.rhythm_alarm.history import NOON, Gaps, completed, gaps_of
from training.rhythm_alarm.own_gaps import OwnGaps, fit_own_gaps
from training.rhythm_alarm.visits import EPOCH, Floats, Visits

YEAR_DAYS = 365
LEAST_GAPS = 3
FALSE_ALARMS_PER_YEAR = 0.05
"""Of 100 customers whose rhythm has not changed, so many may have an alarm within a year."""
RECENT_GAPS = 8
"""How many gaps before the open one are added up; what an earlier one added has long been used up by the allowance."""
_AHEAD_DAYS = 4 * YEAR_DAYS

TOO_FEW = Text(
    "Bought on {visits} days so far; a rhythm is judged from {least} on.",
    "目前仅有 {visits} 个购买日；满 {least} 个才能判断节奏。",
)


@dataclass(frozen=True)
class Rhythm:
    """What all customers share: the clock, and how own gaps are distributed over them."""

    clock: Clock
    own: OwnGaps


def learn_rhythm(visits: Visits) -> Rhythm:
    """The rhythm that customers share, from their purchase days; the clock goes on for four years after them."""
    clock = shared_clock(visits, visits.until + _AHEAD_DAYS)
    return Rhythm(clock, fit_own_gaps(completed(gaps_of(visits, clock))))


@dataclass(frozen=True)
class Sums:
    """Of each gap: how ``unusual`` its length is (standard deviations); ``before``, the sum when it began; ``limit``, what the
    sum must exceed; ``per_year``, expected gaps a year.
    """

    unusual: Floats
    before: Floats
    limit: Floats
    per_year: Floats


def sums(gaps: Gaps, rhythm: Rhythm, false_alarms_per_year: float = FALSE_ALARMS_PER_YEAR) -> Sums:
    """The sums of all gaps. A gap that ended in an alarm begins the next one at zero; too few own gaps count for nothing."""
    unusual = _unusual(rhythm.own.survival(gaps.seen, gaps.days))
    per_year = YEAR_DAYS / (rhythm.own.mean_days(gaps.seen) + NOON)
    limit = limit_of(gaps_between(false_alarms_per_year, per_year))
    before = np.zeros(len(gaps.days))
    rows = np.flatnonzero((gaps.number == LEAST_GAPS) | (gaps.is_first & (gaps.number > LEAST_GAPS)))
    while len(rows):
        after = np.maximum(before[rows] + unusual[rows] - ALLOWANCE, 0)
        after[after > limit[rows]] = 0
        going_on = ~gaps.is_open[rows]
        rows, after = rows[going_on] + 1, after[going_on]
        before[rows] = after
    return Sums(unusual, before, limit, per_year)


def alarm_days(gaps: Gaps, rhythm: Rhythm, false_alarms_per_year: float = FALSE_ALARMS_PER_YEAR) -> Floats:
    """The day (since 1970, whole) of the alarm in each gap; infinite where there is none before its end."""
    found = sums(gaps, rhythm, false_alarms_per_year)
    return _alarm_days(gaps, rhythm, found)


def _alarm_days(gaps: Gaps, rhythm: Rhythm, found: "Sums") -> Floats:
    rows = np.flatnonzero((found.before + found.unusual - ALLOWANCE > found.limit) & (gaps.number >= LEAST_GAPS))
    silence = ndtr(-(found.limit[rows] + ALLOWANCE - found.before[rows]))
    tolerated = rhythm.own.days(gaps.seen.of(rows), silence)
    days = np.full(len(gaps.days), np.inf)
    days[rows] = np.ceil(rhythm.clock.day(rhythm.clock.at(gaps.begin[rows] + NOON) + tolerated))
    return np.where(days <= gaps.end, days, np.inf)


def rhythms(visits: Visits, rhythm: Rhythm, false_alarms_per_year: float = FALSE_ALARMS_PER_YEAR) -> pd.DataFrame:
    """How each customer stands to its own rhythm at ``visits.until``, index customer_id.

    Columns: silent_days (calendar days since the last purchase day), usual_gap_days (expected mean gap), gaps (completed ones),
    silence_probability (that an unchanged customer's gap lasts longer), rhythm_false_alarms (the share of unchanged customers
    who look at least as broken at some time of a year: an alarm at the rate r rings where it is at most r; NaN: too few gaps),
    alarm_since (day; NaT: none at ``false_alarms_per_year``), abstained (Text; None: judged).
    """
    gaps = gaps_of(visits, rhythm.clock).recent(RECENT_GAPS)
    found = sums(gaps, rhythm, false_alarms_per_year)
    since, now = _alarm_days(gaps, rhythm, found), np.flatnonzero(gaps.is_open)
    judged = gaps.number[now] >= LEAST_GAPS
    total = found.before[now] + found.unusual[now] - ALLOWANCE
    rate = yearly_rate(run_length_of(np.maximum(total, 0)), found.per_year[now])
    return pd.DataFrame(
        {
            "silent_days": gaps.end[now] - gaps.begin[now],
            "usual_gap_days": YEAR_DAYS / found.per_year[now],
            "gaps": gaps.number[now],
            "silence_probability": ndtr(-found.unusual[now]),
            "rhythm_false_alarms": np.where(judged, np.where(total > 0, rate, 1.0), np.nan),
            "alarm_since": _dates(since[now]),
            "abstained": [None if n >= LEAST_GAPS else _too_few(int(n)) for n in gaps.number[now]],
        },
        index=pd.Index(visits.customers, name="customer_id"),
    )


def _too_few(gaps: int) -> Text:
    return TOO_FEW.format(visits=gaps + 1, least=LEAST_GAPS + 1)


def _unusual(survival: Floats) -> Floats:
    """How unusually long a gap is, in standard deviations."""
    return np.asarray(-ndtri(np.clip(survival, 1e-300, 1 - 1e-12)))


def _dates(days: Floats) -> "NDArray[np.datetime64]":
    told = [EPOCH + timedelta(days=int(day)) if np.isfinite(day) else None for day in days]
    return np.array(told, dtype="datetime64[s]") if told else np.array([], dtype="datetime64[s]")


def day_of(number: int) -> date:
    """The calendar day of days since 1970."""
    return EPOCH + timedelta(days=number)
