from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from features.simulation.company import Company
from features.simulation.departures import leaving_days, leaving_rate, leaving_thresholds, mood
from features.simulation.simulate import simulate
from tests.features.simulation.people import COMPANY, complaints, orders, plain_customers


def test_a_complaint_open_beyond_patience_is_held_against_us_and_fades_once_closed() -> None:
    company = replace(COMPANY, complaint_patience_days=10, memory_half_life_days=7)
    felt = mood(company, 1, 7, orders((0, 1.0, 100.0, 0.0)), complaints((0, 7.0, 35.0)))
    assert felt.grudge[0].tolist() == [0, 0, 0, 1, 1, 0.5, 0.25]


def test_a_complaint_closed_within_patience_is_forgiven() -> None:
    felt = mood(COMPANY, 1, 7, orders((0, 1.0, 100.0, 0.0)), complaints((0, 7.0, 16.0)))
    assert felt.grudge.sum() == 0


def test_a_late_delivery_counts_in_weeks_from_the_week_it_comes() -> None:
    company = replace(COMPANY, memory_half_life_days=7)
    felt = mood(company, 2, 5, orders((0, 1.0, 100.0, 7.0), (1, 1.0, 100.0, 0.0)), complaints())
    assert felt.late_weeks.tolist() == [[0, 1, 0.5, 0.25, 0.125], [0, 0, 0, 0, 0]]


def test_the_rate_of_leaving_follows_the_mood_of_the_week_before() -> None:
    company = replace(COMPANY, late_week_leaving_factor=3.0, memory_half_life_days=7)
    felt = mood(company, 1, 4, orders((0, 1.0, 100.0, 7.0)), complaints())
    rate = leaving_rate(company, plain_customers(1), felt)
    np.testing.assert_allclose(rate, [[0, 0.001, 0.001 * 3, 0.001 * 3**0.5]])


def test_trouble_raises_the_rate_of_leaving_step_by_step() -> None:
    company = replace(COMPANY, trouble_leaving_factor=16.0, trouble_leaving_after_days=28)
    felt = mood(company, 1, 8, orders((0, 1.0, 100.0, 0.0)), complaints())
    rate = leaving_rate(company, plain_customers(1, trouble_from=14.0), felt)
    np.testing.assert_allclose(rate[0, 1:] / 0.001, [1, 1, 2, 4, 8, 16, 16])


def test_a_constant_rate_of_leaving_makes_exponential_stays() -> None:
    thresholds = leaving_thresholds(np.random.default_rng(2), 20_000)
    days = leaving_days(thresholds, np.full((20_000, 60), 0.004))
    assert np.mean(days < 100) == pytest.approx(1 - np.exp(-0.4), abs=0.01)
    assert np.mean(np.isinf(days)) == pytest.approx(np.exp(-0.004 * 420), abs=0.01)


def test_who_leaves_does_so_when_the_summed_rate_passes_the_threshold() -> None:
    rate = np.array([[0.0, 0.01, 0.02], [0.0, 0.01, 0.02], [0.0, 0.01, 0.02]])
    days = leaving_days(np.array([0.035, 0.14, 0.21001]), rate)
    np.testing.assert_allclose(days, [7 + 3.5, 14 + 3.5, np.inf])


def test_a_mood_goes_on_from_a_week_as_if_it_had_not_been_interrupted() -> None:
    bought = orders(*((0, day, 100.0, late) for day, late in ((1.5, 9.0), (16.5, 3.0), (30.5, 12.0))))
    grudges = complaints((0, 5.0, 30.0), (0, 12.0, 60.0), (0, 33.0, 50.0))
    whole = mood(COMPANY, 1, 12, bought, grudges)
    later = mood(COMPANY, 1, 8, bought, grudges, whole.of(4))
    np.testing.assert_array_equal(later.grudge, whole.grudge[:, 4:])
    np.testing.assert_array_equal(later.late_weeks, whole.late_weeks[:, 4:])
    people = plain_customers(1)
    np.testing.assert_array_equal(
        leaving_rate(COMPANY, people, later)[:, 1:], leaving_rate(COMPANY, people, whole)[:, 5:]
    )


@pytest.mark.parametrize("cause", ["complaint_leaving_factor", "late_week_leaving_factor", "trouble_leaving_factor"])
def test_each_cause_makes_customers_leave_sooner_and_none_later(cause: str) -> None:
    with_cause = _left(Company())
    without = _left(replace(Company(), **{cause: 1.0}))
    assert (with_cause <= without).all()
    assert (with_cause < without).sum() > 5


def _left(company: Company) -> np.ndarray:
    truth = simulate(5, 400, date(2025, 1, 1), date(2026, 7, 1), company, cut_offs=())["truth/customers"]
    return truth["left_at"].fill_null(pa.scalar(np.datetime64("2100-01-01", "us"))).to_numpy()
