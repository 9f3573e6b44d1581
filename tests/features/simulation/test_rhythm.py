from datetime import date

import numpy as np

from features.simulation.company import Company
from features.simulation.rhythm import OwnTime, working_time

FLAT = Company(season_swing_share=0.0)
MONDAY = date(2026, 1, 5)


def test_a_week_has_seven_days_of_working_time_all_before_saturday() -> None:
    calendar = working_time(FLAT, MONDAY, 14)
    np.testing.assert_allclose(calendar.at(np.array([0.0, 1.0, 5.0, 6.0, 7.0, 8.0])), [0, 1.4, 7, 7, 7, 8.4])


def test_the_year_is_busier_in_winter_than_in_summer() -> None:
    calendar = working_time(Company(season_swing_share=0.2), date(2026, 1, 1), 365)
    january, july = np.diff(calendar.at(np.array([0.0, 28.0, 182.0, 210.0])))[[0, 2]]
    assert january > 1.3 * july


def test_weekends_move_to_monday_and_days_beyond_the_calendar_stay() -> None:
    calendar = working_time(FLAT, MONDAY, 14)
    assert calendar.workday(np.array([4.0, 5.0, 6.0, 7.0, 40.0])).tolist() == [4, 7, 7, 7, 40]


def test_own_time_runs_slower_in_trouble_only() -> None:
    own = OwnTime(working_time(FLAT, MONDAY, 70), np.array([7.0, np.inf]), np.array([21.0, np.inf]), 0.5)
    at = own.at(np.array([[0], [1]]), np.array([[7.0, 14.0, 21.0, 28.0]]))
    np.testing.assert_allclose(at, [[7, 10.5, 14, 21], [7, 14, 21, 28]])


def test_the_day_of_an_own_time_is_the_inverse_of_the_own_time_of_a_day() -> None:
    own = OwnTime(working_time(Company(), MONDAY, 400), np.array([50.0]), np.array([120.0]), 0.3)
    day = np.array([3.25, 49.5, 59.5, 115.5, 122.5, 393.5])
    customer = np.zeros(len(day), dtype=np.int64)
    np.testing.assert_allclose(own.day(customer, own.at(customer, day)), day, atol=1e-9)
