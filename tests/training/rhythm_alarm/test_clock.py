import numpy as np
import pytest

from training.rhythm_alarm.clock import Clock, shared_clock
from training.rhythm_alarm.visits import Visits

WORKDAYS = (4, 5, 6, 0, 1)  # 1970-01-01 was a Thursday: Monday is 4


def visits(days: list[int], until: int, customers: int = 1) -> Visits:
    names = np.array([f"C{number}" for number in range(customers)], dtype=object)
    return Visits(names, np.repeat(np.arange(customers), len(days)), np.tile(days, customers), until)


def test_weekends_hardly_count_where_nobody_buys_on_them() -> None:
    clock = shared_clock(visits([day for day in range(70) if day % 7 in WORKDAYS], 70, 20), 100)
    paces = np.diff(clock.passed)[:7]
    assert paces[[4, 5, 6, 0, 1]] == pytest.approx([1.4] * 5)
    assert paces[[2, 3]] == pytest.approx([0.02] * 2)


def test_few_purchases_tell_nothing_of_weekdays() -> None:
    assert np.diff(shared_clock(visits([0, 7, 14, 21], 30), 60).passed) == pytest.approx([1.0] * 61)


def test_a_slack_season_that_comes_each_year_slows_the_clock() -> None:
    days = [day for day in range(900) if (900 - 1 - day) // 30 % 12 not in (3, 4) or day % 4 == 0]
    clock = shared_clock(visits([day for day in days if day % 2 == 0], 900, 60), 900)
    pace = np.diff(clock.passed)[:900]
    back = (899 - np.arange(900)) // 30 % 12
    slack = np.isin(back, (3, 4))
    assert pace[slack].mean() / pace[~slack].mean() == pytest.approx(0.5, abs=0.1)


def test_clock_and_calendar_lead_to_each_other() -> None:
    clock = Clock(100, np.array([0.0, 1.0, 1.5, 4.0]))
    moments = np.array([100.0, 101.5, 102.5])
    assert clock.at(moments) == pytest.approx([0.0, 1.25, 2.75])
    assert clock.day(clock.at(moments)) == pytest.approx(moments)
    assert np.isinf(clock.day(np.array([5.0])))
