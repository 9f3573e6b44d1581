"""Working time: the clock by which customers buy. It stands still at weekends and runs slower in summer.

Days are counted from the first simulated day as floats; working time has the same unit, a day on average. A customer
in trouble lives on a slower clock of its own, so that its orders become rarer without a second model of ordering.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.simulation.company import Company

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class WorkingTime:
    """Working time passed by the beginning of each day: ``passed[d]`` for day ``d``, in days."""

    passed: Floats

    def at(self, day: Floats) -> Floats:
        """Working time that has passed at ``day``."""
        passed: Floats = np.interp(day, np.arange(len(self.passed)), self.passed)
        return passed

    def day(self, passed: Floats) -> Floats:
        """The day at which so much working time has passed."""
        day: Floats = np.interp(passed, self.passed, np.arange(len(self.passed)))
        return day

    def workday(self, day: Floats) -> Floats:
        """The first working day at or after each whole ``day``; days beyond the calendar stay as they are."""
        open_days = np.flatnonzero(np.diff(self.passed) > 0)
        following = np.searchsorted(open_days, day)
        return np.where(following < len(open_days), open_days[np.minimum(following, len(open_days) - 1)], day)


def working_time(company: Company, first_day: date, days: int) -> WorkingTime:
    """The company's working time over ``days`` days from ``first_day``."""
    number = np.arange(days)
    weekday = (number + first_day.weekday()) % 7
    day_of_year = (number + first_day.timetuple().tm_yday) % 365.25
    season = 1 + company.season_swing_share * np.cos(2 * np.pi * (day_of_year - 30) / 365.25)
    pace = np.where(weekday < 5, 7 / 5, 0.0) * season
    return WorkingTime(np.concatenate([[0.0], np.cumsum(pace)]))


@dataclass(frozen=True)
class OwnTime:
    """Working time as each customer lives it: slower by ``slower_share`` from ``trouble_from`` to ``trouble_until``."""

    shared: WorkingTime
    trouble_from: Floats
    trouble_until: Floats
    slower_share: float

    def at(self, customer: Ints, day: Floats) -> Floats:
        """Own time that has passed for ``customer`` at ``day``; the two arrays have one shape or broadcast."""
        begin, end = self.trouble_from[customer], self.trouble_until[customer]
        slow = self.shared.at(np.clip(day, begin, end)) - self.shared.at(begin)
        return self.shared.at(day) - self.slower_share * slow

    def day(self, customer: Ints, passed: Floats) -> Floats:
        """The day at which so much own time has passed for ``customer``."""
        begin = self.shared.at(self.trouble_from[customer])
        slow = self.shared.at(self.trouble_until[customer]) - begin
        until = begin + (1 - self.slower_share) * slow
        within = begin + (passed - begin) / (1 - self.slower_share)
        after = passed + self.slower_share * slow
        return self.shared.day(np.where(passed < begin, passed, np.where(passed < until, within, after)))
