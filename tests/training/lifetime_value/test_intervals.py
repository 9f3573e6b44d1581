"""Intervals that are learnt from outcomes hold on others, whatever the outcomes are made of."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from features.errors import ModelError
from training.lifetime_value.intervals import Forecasts, Intervals

Floats = NDArray[np.float64]


def regular(customers: int, seed: int) -> tuple[Forecasts, Floats, Floats]:
    """Customers who buy like clockwork while they are there, and of whom some have left; purchases and money."""
    generator = np.random.default_rng(seed)
    rate, alive = generator.gamma(2, 6, customers), generator.beta(4, 1, customers)
    there = generator.random(customers) < alive
    bought = np.where(there, np.floor(rate * generator.uniform(0.7, 1.3, customers) + generator.random(customers)), 0.0)
    size = np.exp(generator.normal(3, 1, customers))
    money = bought * size * generator.normal(1, 0.2, customers)
    return Forecasts(rate * alive, alive, rate * alive, np.ones(customers)), bought, money / size


@pytest.mark.parametrize("seed", [1, 2])
def test_nine_in_ten_lie_within_overall_and_among_few_and_many_purchases(seed: int) -> None:
    forecasts, bought, money = regular(6_000, seed)
    others, came, earned = regular(6_000, seed + 10)
    for learnt, outcome, whole in ((bought, came, True), (money, earned, False)):
        low, high = Intervals.fit(forecasts, learnt, whole, seed=0).of(others)
        held = (low <= outcome) & (outcome <= high)
        assert held.mean() == pytest.approx(0.9, abs=0.025)
        for begin, end in ((2, 8), (8, 14), (14, 100)):
            group = (others.purchases >= begin) & (others.purchases < end)
            assert held[group].mean() == pytest.approx(0.9, abs=0.04)


def test_intervals_of_purchases_end_in_whole_numbers_from_0() -> None:
    forecasts, bought, _ = regular(2_000, 3)
    low, high = Intervals.fit(forecasts, bought, whole=True, seed=0).of(forecasts)
    assert (low >= 0).all()
    assert (high >= low).all()
    for end in (low, high):
        assert (np.floor(end) == end).all()


def test_of_whom_nothing_comes_nothing_is_expected() -> None:
    """Those who have left: in nineteen of twenty cases nothing comes, so that the interval is nothing, too."""
    gone = np.full(1_000, 0.02)
    forecasts = Forecasts(gone, gone, 50 * gone, np.full(1_000, 50.0))
    came = np.where(np.arange(1_000) % 20 == 0, 50.0, 0.0)
    low, high = Intervals.fit(forecasts, came, whole=False, seed=0).of(forecasts)
    assert set(low) == set(high) == {0.0}


def test_customers_of_whom_nothing_at_all_is_expected_have_an_interval_of_nothing() -> None:
    forecasts, _, money = regular(2_000, 7)
    some = np.arange(2_000) < 700
    purchases, value = np.where(some, 0.0, forecasts.purchases), np.where(some, 0.0, forecasts.value)
    gone = Forecasts(purchases, np.where(some, 0.0, forecasts.alive), value, forecasts.size)
    # what comes in proportion to the expectation leaves no variance to single purchases
    came = np.where(some, 0.0, forecasts.value * np.tile([0.5, 1.5], 1_000))
    for outcome in (came, np.where(some, 0.0, money)):
        low, high = Intervals.fit(gone, outcome, whole=False, seed=0).of(gone)
        assert set(low[some]) == set(high[some]) == {0.0}
        assert np.isfinite(low).all()
        assert np.isfinite(high).all()


def test_who_loses_us_money_is_the_mirror_image() -> None:
    forecasts, _, money = regular(3_000, 4)
    mirrored = Forecasts(forecasts.purchases, forecasts.alive, -forecasts.value, forecasts.size)
    low, high = Intervals.fit(forecasts, money, whole=False, seed=0).of(forecasts)
    mirrored_low, mirrored_high = Intervals.fit(mirrored, -money, whole=False, seed=0).of(mirrored)
    assert mirrored_low.tolist() == (-high).tolist()
    assert mirrored_high.tolist() == (-low).tolist()


def test_money_is_counted_in_any_currency() -> None:
    """A hundredth of a currency unit as unit makes intervals a hundred times as wide, and nothing else."""
    forecasts, _, money = regular(2_000, 5)
    cents = Forecasts(forecasts.purchases, forecasts.alive, 100 * forecasts.value, 100 * forecasts.size)
    low, high = Intervals.fit(forecasts, money, whole=False, seed=0).of(forecasts)
    low_cents, high_cents = Intervals.fit(cents, 100 * money, whole=False, seed=0).of(cents)
    assert low_cents == pytest.approx(100 * low, rel=1e-6, abs=1e-6)
    assert high_cents == pytest.approx(100 * high, rel=1e-6, abs=1e-6)


def test_intervals_survive_json_and_refuse_what_is_none() -> None:
    forecasts, bought, _ = regular(500, 6)
    intervals = Intervals.fit(forecasts, bought, whole=True, seed=0)
    stored = json.loads(json.dumps(intervals.to_json(), allow_nan=False))
    assert Intervals.from_json(stored) == intervals
    with pytest.raises(ModelError, match="3 variances"):
        Intervals.from_json({**stored, "low": stored["low"][1:]})
