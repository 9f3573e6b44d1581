"""The regression on hazards: published form, numbers worked out by hand, and what a posterior must do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from training.treatment_effects.hazard import (
    LogFactor,
    Treated,
    believed,
    expected_reduction,
    fit_log_factor,
    reduction,
)

BELIEF = np.log(0.9)


def fitted(values: np.ndarray, left: np.ndarray, hazard: np.ndarray, mean: float, spread: float) -> LogFactor:
    return fit_log_factor(Treated(values, left, hazard), mean, spread)


def _treated(rows: int, weights: list[float], seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Modifiers, who left, and the hazard without action of customers whom an action moves by these weights."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([np.ones(rows), rng.normal(size=(rows, len(weights) - 1))])
    hazard = rng.gamma(2.0, 0.1, rows)
    left = rng.random(rows) < -np.expm1(-hazard * np.exp(values @ np.array(weights)))
    return values, left.astype(float), hazard


def test_half_the_hazard_leaves_less_than_half_the_risk_where_the_risk_is_high() -> None:
    hazard = -np.log1p(-np.array([0.5, 0.75]))
    # 1 - 0.5 ** 0.5 = 0.29289 of 0.5, 1 - 0.25 ** 0.5 = 0.5 of 0.75
    np.testing.assert_allclose(reduction(hazard, np.log([0.5, 0.5])), [0.41421356, 1 / 3], rtol=1e-7)


def test_of_a_small_risk_the_reduction_is_one_less_the_factor() -> None:
    np.testing.assert_allclose(reduction(np.array([1e-9]), np.log([0.7])), [0.3], atol=1e-8)


@given(st.floats(1e-4, 5), st.floats(0.001, 2.5))
def test_who_is_driven_away_has_a_negative_reduction_and_who_is_kept_a_positive_one(hazard: float, step: float) -> None:
    worse, better = reduction(np.array([hazard, hazard]), np.array([step, -step]))
    assert worse < 0 < better < 1


def test_the_expected_reduction_is_the_integral_over_what_is_not_known() -> None:
    hazard, mean, spread = 0.3, -0.5, 0.4
    integral, _ = quad(lambda x: float(reduction(np.array(hazard), np.array(x))) * norm.pdf(x, mean, spread), -4, 3)
    found = expected_reduction(np.array([hazard]), np.array([mean]), np.array([spread]))
    assert found[0] == pytest.approx(integral, abs=1e-6)
    assert expected_reduction(np.array([hazard]), np.array([mean]), np.array([0.0])) == pytest.approx(
        reduction(np.array([hazard]), np.array([mean]))
    )


def test_a_long_log_overrules_the_belief_and_tells_customers_apart() -> None:
    weights = [-0.6, 0.5, 0.0]
    found = fitted(*_treated(40_000, weights), BELIEF, 0.3)
    errors = np.sqrt(np.diag(found.covariance))
    assert (np.abs(found.mean - weights) < 4 * errors).all()
    assert errors.max() < 0.05
    assert found.slope_spread >= 0.1


def test_where_customers_do_not_differ_the_evidence_says_so() -> None:
    found = fitted(*_treated(40_000, [-0.6, 0.0, 0.0, 0.0]), BELIEF, 0.3)
    assert found.slope_spread <= 0.025
    assert np.abs(found.mean[1:]).max() < 0.03


def test_a_short_log_leaves_the_belief_nearly_as_it_is() -> None:
    found = fitted(*_treated(10, [-2.0, 1.0]), BELIEF, 0.1)
    assert found.mean[0] == pytest.approx(BELIEF, abs=0.1)
    assert np.sqrt(found.covariance[0, 0]) > 0.09


def test_without_rows_nothing_but_the_belief_is_left() -> None:
    nothing = np.zeros(0)
    found = fitted(np.zeros((0, 3)), nothing, nothing, BELIEF, 0.2)
    np.testing.assert_allclose(found.mean, [BELIEF, 0, 0], atol=1e-9)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(0.2)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Truths drawn from the belief; 90 % intervals of the mean weight over 150 logs: 3.3 standard errors allowed."""
    rng, held, logs = np.random.default_rng(3), 0, 150
    for seed in range(logs):
        truth = rng.normal(BELIEF, 0.3)
        values, left, hazard = _treated(400, [truth], seed)
        found = fitted(values, left, hazard, BELIEF, 0.3)
        held += abs(found.mean[0] - truth) < 1.645 * np.sqrt(found.covariance[0, 0])
    assert abs(held / logs - 0.9) < 3.3 * np.sqrt(0.9 * 0.1 / logs)


def test_a_belief_is_the_same_for_everybody() -> None:
    middle, spread = believed(-0.2, 0.1, 3).of(np.array([[1.0, 5.0, -2.0], [1.0, 0.0, 0.0]]))
    assert middle.tolist() == [-0.2, -0.2]
    np.testing.assert_allclose(spread, [0.1, 0.1])


def test_what_was_written_reads_the_same() -> None:
    found = fitted(*_treated(500, [-0.4, 0.2]), BELIEF, 0.3)
    again = LogFactor.from_json(found.as_json())
    np.testing.assert_array_equal(again.mean, found.mean)
    np.testing.assert_array_equal(again.covariance, found.covariance)


def test_a_belief_that_the_log_speaks_against_lets_go() -> None:
    """Believed to take nine tenths of the risk away, and sure of it; in truth it takes a tenth."""
    found = fitted(*_treated(1_000, [BELIEF], 5), np.log(0.1), 0.3)
    alone = fitted(*_treated(1_000, [BELIEF], 5), BELIEF, 0.3)
    assert found.mean[0] == pytest.approx(alone.mean[0], abs=0.1)


def test_each_action_says_itself_how_far_customers_differ() -> None:
    same, apart = (
        fitted(*_treated(20_000, [-0.6, 0.0, 0.0]), BELIEF, 0.3),
        fitted(*_treated(20_000, [-0.6, 0.5, -0.5]), BELIEF, 0.3),
    )
    assert same.slope_spread <= 0.025
    assert apart.slope_spread == 0.2
