import numpy as np
import pandas as pd
import pytest

from tests.training.models.calibration.simulated import Floats, Ints
from training.models.calibration import sigmoid
from training.models.calibration.drift import USUAL_LEVEL, drift_reach

STEP = pd.Timedelta(days=15)
WINDOW_STEPS = 6


def company(moves: Floats, rows: int, seed: int, every: int = 1) -> tuple[Floats, Ints, pd.Series]:
    """Rows of different customers at cut-offs so many steps apart, whose levels move so; the model itself is right."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-1, 1.5, (len(moves), rows))
    churned = generator.random(log_odds.shape) < sigmoid(log_odds + moves[:, None])
    as_of = pd.Timestamp("2025-01-01", tz="UTC") + np.arange(len(moves)) * every * STEP
    return log_odds.ravel(), churned.ravel().astype(np.int64), pd.Series(as_of.repeat(rows))


def at(reach_of: tuple[Floats, Ints, pd.Series]) -> float:
    return float(drift_reach(*reach_of)(np.array([-1.0]))[0])


def test_one_cutoff_tells_nothing_and_leaves_what_is_usual() -> None:
    once = at(company(np.zeros(1), 5_000, 0))
    assert once == pytest.approx(3.182 * USUAL_LEVEL * np.sqrt(2), rel=0.1)


def test_a_level_that_stands_still_narrows_the_reach_and_one_that_moves_widens_it() -> None:
    still = at(company(np.zeros(24), 4_000, 0))
    moving = np.repeat(np.random.default_rng(1).normal(0, 0.6, 4), WINDOW_STEPS)
    assert still < 0.45 < 1.0 < at(company(moving, 4_000, 0))


def test_chance_in_the_counts_is_not_taken_for_drift() -> None:
    """With 60 rows a cut-off the levels spread by about 0.3 on their own."""
    few = [at(company(np.zeros(24), 60, seed)) for seed in range(20)]
    assert np.median(few) < 0.65


def test_cutoffs_whose_windows_overlap_count_for_less() -> None:
    moves = np.zeros(8)
    assert at(company(moves, 4_000, 0, every=1)) < at(company(moves[:3], 4_000, 0))
    log_odds, churned, as_of = company(moves, 4_000, 0)
    apart = pd.Series(pd.Timestamp("2020-01-01", tz="UTC") + (as_of.factorize()[0] ** 2) * 20 * STEP)
    assert float(drift_reach(log_odds, churned, apart)(np.array([-1.0]))[0]) < at((log_odds, churned, as_of))


def test_the_reach_is_wider_far_from_where_the_customers_are() -> None:
    reach = drift_reach(*company(np.zeros(12), 2_000, 0))(np.array([-9.0, -1.0, 7.0]))
    assert reach[0] > 1.5 * reach[1] < reach[2]


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.4])
def test_the_reach_holds_the_level_of_a_later_cutoff_as_often_as_it_says(spread: float) -> None:
    """Levels are the mean of independent moves over a window; the one to come lies a window after the last."""
    held = []
    for seed in range(150):
        steps = np.random.default_rng([7, seed]).normal(0, spread * np.sqrt(WINDOW_STEPS), 12 + 2 * WINDOW_STEPS)
        level = np.convolve(steps, np.ones(WINDOW_STEPS) / WINDOW_STEPS, "valid")
        moves = level[:12] - level[:12].mean()
        off = level[11 + WINDOW_STEPS] - level[:12].mean()
        held.append(abs(off) <= at(company(moves, 300, seed)))
    assert np.mean(held) >= 0.90
    assert spread < 0.4 or np.mean(held) <= 0.99


def test_outcomes_that_are_known_beforehand_stay_finite() -> None:
    log_odds = np.full(40, 12.0)
    as_of = pd.Series(pd.to_datetime(["2025-01-01", "2025-02-01"] * 20, utc=True))
    reach = drift_reach(log_odds, np.array([0] + [1] * 39), as_of)(np.array([-5.0, 12.0]))
    assert np.isfinite(reach).all()
