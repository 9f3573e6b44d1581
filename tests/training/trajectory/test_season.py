from datetime import date
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training.trajectory.season import shared_season
from training.trajectory.series import MonthlySeries
from training.trajectory.states import root, trajectories

Floats = NDArray[np.float64]
MONTHS = np.arange(24)
SEASON = 1 + 0.5 * np.sin(2 * np.pi * MONTHS / 12)
"""The last months before the cut-off are slack."""


def spend(rows: int, seed: int, level: Any = 1.0) -> Floats:
    """Customers who order about four times a month, for amounts of their own."""
    generator = np.random.default_rng(seed)
    orders = generator.poisson(4 * level * np.ones((rows, 24)))
    amounts = generator.lognormal(4, 1, rows)[:, None]
    return np.where(orders, amounts * generator.gamma(np.maximum(orders, 1) * 4.0, 0.25), 0)


def stable_share(values: Floats) -> float:
    names = np.arange(len(values)).astype(str).astype(object)
    found = trajectories(MonthlySeries(names, values, np.full(len(values), 24), date(2026, 1, 1)))
    return float((found["trajectory"] == "stable").mean())


def test_a_season_that_all_share_is_found() -> None:
    factors = shared_season(root(spend(800, 1, SEASON)))
    expected = np.sqrt(SEASON)
    assert factors == pytest.approx(expected / expected.mean(), abs=0.08)


def test_a_season_is_told_from_a_trend() -> None:
    expected = np.sqrt(SEASON)
    for end in (0.5, 2.0):
        factors = shared_season(root(spend(800, 6, 4 * SEASON * np.geomspace(1, end, 24))))
        assert factors == pytest.approx(expected / expected.mean(), abs=0.08)


def test_without_a_season_nothing_is_taken_out() -> None:
    taken_out = [np.ptp(shared_season(root(spend(200, seed)))) > 0 for seed in range(60)]
    assert sum(taken_out) <= 3


@pytest.mark.parametrize(
    "level",
    [
        *(np.where(step <= MONTHS, 0.5, 1.0) for step in range(3, 24)),
        np.linspace(1.5, 0.5, 24),
        np.where((MONTHS >= 9) & (MONTHS < 12), 0.2, 1.0),
    ],
    ids=[*(f"a fall after month {step}" for step in range(3, 24)), "a steady fall", "one bad quarter"],
)
def test_what_befalls_everybody_once_is_no_season(level: Floats) -> None:
    assert shared_season(root(spend(800, 2, level))).tolist() == [1] * 24


def test_a_slack_season_is_no_decline() -> None:
    values = spend(600, 3, SEASON)
    assert stable_share(values) > 0.85
    # few of the same customers tell no season: what is seen then are the slack months
    assert np.mean([stable_share(values[start : start + 20]) for start in range(0, 600, 20)]) < 0.8


def test_who_really_declines_is_found_within_the_season() -> None:
    values = spend(600, 4, SEASON)
    values[:100, 15:] *= 0.2
    names = np.arange(600).astype(str).astype(object)
    found = trajectories(MonthlySeries(names, values, np.full(600, 24), date(2026, 1, 1)))
    assert (found["trajectory"][:100] == "declining").mean() > 0.9
    assert (found["trajectory"][100:] == "declining").mean() < 0.1


@pytest.mark.parametrize("roots", [np.ones((29, 24)) * SEASON, np.ones((50, 18)), np.zeros((50, 24))])
def test_of_too_few_customers_or_months_no_season_is_told(roots: Floats) -> None:
    assert shared_season(roots).tolist() == [1] * roots.shape[1]
