import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from tests.training.evaluation.judgements import Outcomes, arrays, drawn, outcomes
from training.evaluation.calibration import (
    brier_parts,
    calibration_error_interval,
    debiased_calibration_error,
    isotonic,
    recalibration,
    reliability_bins,
    wilson,
)

Floats = NDArray[np.float64]

FOUR = arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])


def logit(p: Floats) -> Floats:
    return np.asarray(np.log(p / (1 - p)))


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def test_the_brier_score_of_four_customers_taken_apart_by_hand() -> None:
    # By rising probability they stayed, left, stayed, left: the middle two are pooled to one half.
    assert isotonic(*FOUR).tolist() == [0, 0.5, 0.5, 1]
    parts = brier_parts(*FOUR)
    assert parts.brier == pytest.approx((0.1**2 + 0.4**2 + 0.65**2 + 0.2**2) / 4)
    assert parts.uncertainty == 0.25
    assert parts.discrimination == pytest.approx(0.25 - 0.125)
    assert parts.miscalibration == pytest.approx(parts.brier - 0.125)


@given(outcomes())
@settings(max_examples=100, deadline=None)
def test_the_parts_add_up_exactly_and_none_is_negative(rows: Outcomes) -> None:
    parts = brier_parts(*rows)
    assert parts.brier == pytest.approx(parts.miscalibration - parts.discrimination + parts.uncertainty, abs=1e-12)
    assert min(parts.miscalibration, parts.discrimination, parts.uncertainty) >= -1e-12
    assert max(vars(parts).values()) <= 1
    stretched = brier_parts(rows[0], rows[1] ** 3)
    assert stretched.discrimination == pytest.approx(parts.discrimination), "it is a matter of ranking alone"


def test_a_perfect_predictor_discriminates_all_and_the_base_rate_nothing() -> None:
    churned, _ = arrays([1, 0, 0, 1, 0], [0.0] * 5)
    perfect, rate = brier_parts(churned, churned.astype(float)), brier_parts(churned, np.full(5, 0.4))
    assert (perfect.miscalibration, perfect.discrimination) == pytest.approx((0, 0.24))
    assert (rate.miscalibration, rate.discrimination) == pytest.approx((0, 0))


def test_true_probabilities_need_no_shift_and_no_stretching() -> None:
    judged = drawn(4000)
    found = recalibration(judged.churned, judged.probability, judged.customers)
    assert found.intercept.low < 0 < found.intercept.high
    assert found.slope.low < 1 < found.slope.high


def test_shift_and_slope_undo_what_was_done_to_the_log_odds() -> None:
    judged = drawn(4000)
    true = recalibration(judged.churned, judged.probability, judged.customers)
    log_odds = logit(judged.probability)
    shifted = recalibration(judged.churned, sigmoid(log_odds - 0.7), judged.customers)
    doubled = recalibration(judged.churned, sigmoid(2 * log_odds), judged.customers)
    assert shifted.intercept.value == pytest.approx(true.intercept.value + 0.7)
    assert shifted.slope.value == pytest.approx(true.slope.value)
    assert doubled.slope.value == pytest.approx(true.slope.value / 2, rel=1e-4)
    assert doubled.slope.high < 1


def test_rows_that_repeat_a_customer_make_shift_and_slope_no_surer() -> None:
    judged = drawn(800)
    churned, probability, customers = judged.churned, judged.probability, np.arange(800)
    once = recalibration(churned, probability, customers)
    fourfold = recalibration(np.repeat(churned, 4), np.repeat(probability, 4), np.repeat(customers, 4))
    assert vars(fourfold.slope) == pytest.approx(vars(once.slope))
    assert vars(fourfold.intercept) == pytest.approx(vars(once.intercept))


def test_what_cannot_be_said_of_shift_and_slope_is_not_said() -> None:
    everybody_left = recalibration(np.ones(20, dtype=np.int64), np.linspace(0.1, 0.9, 20), np.arange(20))
    assert not everybody_left.intercept.known
    constant = recalibration(np.array([0, 1] * 10), np.full(20, 0.5), np.arange(20))
    assert constant.intercept.value == pytest.approx(0)
    assert not constant.slope.known
    separable = recalibration(np.array([0] * 10 + [1] * 10), np.linspace(0.1, 0.9, 20), np.arange(20))
    assert not separable.slope.known


def test_the_error_without_chance_is_small_for_true_probabilities_and_what_it_is_for_wrong_ones() -> None:
    errors = [drawn(1000, seed) for seed in range(10)]
    true = [debiased_calibration_error(j.churned, j.probability, j.customers) for j in errors]
    plain = [calibration_error_interval(j.churned, j.probability, j.customers, 0).value for j in errors]
    assert np.mean(true) < 0.75 * np.mean(plain)
    assert 0.0 in true
    wrong = drawn(20_000)
    shifted = 0.8 * wrong.probability + 0.2
    gap = np.sqrt(np.mean((shifted - wrong.probability) ** 2))
    assert debiased_calibration_error(wrong.churned, shifted, wrong.customers) == pytest.approx(gap, abs=0.01)


def test_bins_are_about_equal_and_never_tear_equal_probabilities_apart() -> None:
    churned, probability = arrays([0, 0, 1, 0, 1, 1, 1, 1], [0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.8, 0.9])
    bins = reliability_bins(churned, probability, np.arange(8), bins=4)
    assert [(round(b.probability, 2), b.observed.value, b.rows) for b in bins] == [
        (0.1, 0, 1),
        (0.2, 0.6, 5),
        (0.85, 1, 2),
    ]
    [one] = reliability_bins(churned, np.full(8, 0.5), np.arange(8))
    assert (one.probability, one.observed.value, one.rows) == (0.5, 0.625, 8)


def test_the_interval_of_a_rate_is_wilsons_and_wider_for_customers_with_several_rows() -> None:
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    churned = np.array([0, 1] * 50)
    [alone] = reliability_bins(churned, np.full(100, 0.5), np.arange(100))
    [twice] = reliability_bins(np.repeat(churned, 2), np.full(200, 0.5), np.repeat(np.arange(100), 2))
    [none] = reliability_bins(churned * 0, np.full(100, 0.1), np.arange(100))
    assert (alone.observed.low, alone.observed.high) == pytest.approx(wilson(0.5, 100), abs=2e-3)
    assert (twice.observed.low, twice.observed.high) == pytest.approx((alone.observed.low, alone.observed.high))
    assert (none.observed.low, none.observed.high) == pytest.approx(wilson(0, 100))
