import numpy as np
import pytest

from training.rhythm_alarm.cusum import ALLOWANCE, gaps_between, limit_of, run_length, run_length_of, yearly_rate


@pytest.mark.parametrize(("limit", "published"), [(4.0, 335.4), (5.0, 930.9)])
def test_run_lengths_agree_with_published_ones_of_the_one_sided_sum(limit: float, published: float) -> None:
    """Hawkins (1993): in control, allowance one half."""
    assert run_length(limit, 0.5) == pytest.approx(published, rel=0.005)


def test_with_a_limit_of_zero_each_gap_is_tested_alone() -> None:
    assert run_length(0.0, 1.0) == pytest.approx(1 / 0.158655, rel=1e-4)


def test_a_limit_has_the_run_length_that_was_asked_for() -> None:
    wanted = np.array([20.0, 100.0, 5_000.0])
    assert run_length_of(limit_of(wanted)) == pytest.approx(wanted)
    assert [run_length(float(limit)) for limit in limit_of(wanted)] == pytest.approx(wanted, rel=0.01)


def test_who_buys_more_often_has_a_higher_limit_for_the_same_rate() -> None:
    limits = limit_of(gaps_between(0.05, np.array([4.0, 12.0, 50.0])))
    assert limits[0] < limits[1] < limits[2]


def test_the_rate_of_a_year_and_the_gaps_between_alarms_are_two_ways_to_say_it() -> None:
    per_year = np.array([4.0, 50.0])
    assert gaps_between(0.05, per_year) == pytest.approx(per_year / 0.0512933, rel=1e-4)
    assert yearly_rate(gaps_between(0.05, per_year), per_year) == pytest.approx([0.05, 0.05])


def test_a_simulated_sum_rings_as_often_as_the_equation_says() -> None:
    limit, rng = 1.5, np.random.default_rng(7)
    total, alarms, steps = np.zeros(4_000), 0, 400
    for _ in range(steps):
        total = np.maximum(total + rng.normal(size=len(total)) - ALLOWANCE, 0)
        rings = total > limit
        alarms, total = alarms + int(rings.sum()), np.where(rings, 0, total)
    assert steps * len(total) / alarms == pytest.approx(run_length(limit), rel=0.03)
