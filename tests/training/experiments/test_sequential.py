"""Boundaries of planned looks against published ones, and what they promise under peeking."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.experiments.sequential import Look, any_time_reach, boundaries, looked_at, spent


def test_the_boundaries_are_the_published_ones_of_five_equal_looks() -> None:
    # two-sided 5 %, spending function of O'Brien-Fleming type (Lan and DeMets; e.g. the R package ldbounds)
    assert boundaries([0.2, 0.4, 0.6, 0.8, 1.0]) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=3e-4)


def test_one_look_at_the_end_is_the_ordinary_interval() -> None:
    assert boundaries([1.0]) == pytest.approx([1.95996], abs=1e-3)
    [look] = looked_at([Look(1.0, 3.0, 2.0)])
    assert (look.low, look.high) == pytest.approx((look.naive_low, look.naive_high), abs=2e-3)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_error_is_spent_monotonously_and_all_of_it_at_the_end(one: float, other: float) -> None:
    assert spent(min(one, other)) <= spent(max(one, other)) <= spent(1.0)
    assert spent(1.0) == pytest.approx(0.05)
    assert spent(0.0) == 0.0


@pytest.mark.parametrize("looks", [5, 20])
def test_the_whole_path_holds_the_truth_in_95_of_100_campaigns_where_naive_intervals_do_not(looks: int) -> None:
    rng = np.random.default_rng(1)
    share = np.arange(1, looks + 1) / looks
    score = np.cumsum(rng.normal(size=(40_000, looks)) / np.sqrt(looks), axis=1) / np.sqrt(share)
    held = (np.abs(score) < boundaries(share.tolist())).all(axis=1).mean()
    naive = (np.abs(score) < 1.96).all(axis=1).mean()
    assert held == pytest.approx(0.95, abs=0.005)
    assert naive < 0.87


def test_an_interval_without_a_plan_holds_at_any_time_and_costs_more() -> None:
    rng = np.random.default_rng(2)
    n = np.arange(100, 3_001)
    score = np.cumsum(rng.normal(size=(2_000, 3_000)), axis=1)[:, n - 1] / np.sqrt(n)
    reach = any_time_reach(n)
    assert (np.abs(score) < reach).all(axis=1).mean() >= 0.95
    assert (reach > 2.9).all()
    # by hand: rho^2 = (2 ln 20 + ln(2 ln 20 + 1)) / 500 and the reach at 500 customers
    rho = (2 * np.log(20) + np.log(2 * np.log(20) + 1)) / 500
    by_hand = np.sqrt(2 * (500 * rho + 1) / (500 * rho) * np.log(np.sqrt(500 * rho + 1) / 0.05))
    assert any_time_reach(np.array([500.0])) == pytest.approx([by_hand])


@pytest.mark.parametrize("shares", [[], [0.0, 1.0], [0.5, 0.5], [0.6, 0.4], [0.5, 1.2]])
def test_shares_that_do_not_rise_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="rise"):
        boundaries(shares)
