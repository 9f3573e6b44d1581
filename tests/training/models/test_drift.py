import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.models.calibration import Calibrator, sigmoid
from training.models.drift import LevelShift, following, level_shift

Floats = NDArray[np.float64]
PLAIN = Calibrator.line(1.0, 0.0, standard_error=0.1)


def outcomes(log_odds: Floats, seed: int) -> NDArray[np.int64]:
    return (np.random.default_rng(seed).random(len(log_odds)) < sigmoid(log_odds)).astype(np.int64)


@given(st.floats(-1.5, 1.5), st.integers(0, 1000))
def test_after_the_whole_shift_the_mean_probability_is_the_observed_share(moved: float, seed: int) -> None:
    log_odds = np.random.default_rng(seed).normal(0, 1, 500)
    churned = outcomes(log_odds + moved, seed + 1)
    shift = level_shift(PLAIN, log_odds, churned)
    assert sigmoid(log_odds + shift.log_odds).mean() == pytest.approx(churned.mean(), abs=1e-6)


def test_a_level_that_moved_is_found_within_its_standard_error() -> None:
    log_odds = np.random.default_rng(0).normal(0, 1.5, 20_000)
    shift = level_shift(PLAIN, log_odds, outcomes(log_odds + 0.4, 1))
    assert shift.customers == 20_000
    assert shift.standard_error == pytest.approx(0.017, abs=0.002)
    assert abs(shift.log_odds - 0.4) < 3 * shift.standard_error


def test_slope_and_offset_of_the_calibrator_come_first() -> None:
    log_odds = np.random.default_rng(0).normal(0, 1.5, 20_000)
    shift = level_shift(Calibrator.line(0.5, 1.0), log_odds, outcomes(0.5 * log_odds + 1.0, 1))
    assert shift.log_odds == pytest.approx(0.0, abs=0.06)


def test_half_of_the_shift_is_followed_and_the_slope_stays() -> None:
    followed = following(PLAIN, LevelShift(0.4, 0.05, 1_000))
    assert (followed.slope, followed.offset) == pytest.approx((1.0, 0.2))


def test_the_interval_reaches_from_where_the_level_was_to_where_it_may_have_gone() -> None:
    before, after = (c.interval(np.zeros(1)) for c in (PLAIN, following(PLAIN, LevelShift(0.4, 0.05, 1_000))))
    assert after[1][0] - after[0][0] > before[1][0] - before[0][0]
    assert after[0][0] < sigmoid(np.zeros(1))[0] < sigmoid(np.full(1, 0.4))[0] < after[1][0]


def test_where_nothing_moved_nothing_changes_but_what_chance_allows() -> None:
    followed, ends = following(PLAIN, LevelShift(0.0, 1e-9, 10**6)), np.linspace(-3, 3, 7)
    assert followed.offset == PLAIN.offset
    assert np.asarray(followed.interval(ends)) == pytest.approx(np.asarray(PLAIN.interval(ends)), abs=1e-7)


def test_the_same_shift_gives_the_same_interval() -> None:
    assert following(PLAIN, LevelShift(0.3, 0.1, 100)) == following(PLAIN, LevelShift(0.3, 0.1, 100))


def test_without_both_outcomes_there_is_no_shift() -> None:
    with pytest.raises(ValueError, match="who left and customers who stayed"):
        level_shift(PLAIN, np.zeros(3), np.ones(3, dtype=np.int64))
