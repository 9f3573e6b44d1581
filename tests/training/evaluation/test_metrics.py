import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.evaluation.metrics import (
    auc_gain,
    auc_interval,
    calibration_error,
    evaluate,
    reliability,
    top_decile_lift,
)

Outcomes = tuple[NDArray[np.int64], NDArray[np.float64]]


def arrays(churned: list[int], probability: list[float]) -> Outcomes:
    return np.asarray(churned, dtype=np.int64), np.asarray(probability, dtype=np.float64)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcomes:
    """Outcomes of both kinds with probabilities, many of them tied."""
    rows = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=5, max_size=60))
    churned, twentieths = zip(*rows, strict=True)
    return arrays([0, 1, *churned], [0.3, 0.7, *(t / 20 for t in twentieths)])


def test_all_metrics_of_four_customers_by_hand() -> None:
    metrics = evaluate(*arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    assert metrics.rows == 4
    assert metrics.churn_rate == 0.5
    # Of the four pairs of one who left and one who stayed, three are ranked rightly.
    assert metrics.auc == 0.75
    # Precision is 1 at the first found and 2/3 at the second; each adds half of the recall.
    assert metrics.pr_auc == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.brier == pytest.approx((0.1**2 + 0.4**2 + 0.65**2 + 0.2**2) / 4)
    assert metrics.log_loss == pytest.approx(-np.mean(np.log([0.9, 0.6, 0.35, 0.8])))
    # Four bins of one customer each.
    assert metrics.calibration_error == pytest.approx((0.1 + 0.4 + 0.65 + 0.2) / 4)
    # The one ranked first left: a rate of 1 over the overall rate of 0.5.
    assert metrics.top_decile_lift == 2.0
    assert metrics.as_dict()["auc"] == 0.75


def test_reliability_bins_have_equal_mass_by_rising_probability() -> None:
    churned, probability = arrays([1, 0, 1, 0, 1, 0], [0.9, 0.1, 0.6, 0.3, 0.8, 0.2])
    parts = reliability(churned, probability, bins=3)
    assert [mean for mean, _, _ in parts] == pytest.approx([0.15, 0.45, 0.85])
    assert [(rate, size) for _, rate, size in parts] == [(0.0, 2), (0.5, 2), (1.0, 2)]


def test_reliability_leaves_out_empty_bins_and_splits_ties_by_their_mean() -> None:
    churned, probability = arrays([1, 0, 0], [0.5, 0.5, 0.5])
    parts = reliability(churned, probability, bins=10)
    assert [size for _, _, size in parts] == [1, 1, 1]
    assert [rate for _, rate, _ in parts] == pytest.approx([1 / 3] * 3)


def test_calibration_error_by_hand() -> None:
    churned, probability = arrays([0, 0, 0, 1, 1, 1, 1, 0], [0.2] * 4 + [0.9] * 4)
    # Of those told 20 %, a quarter left; of those told 90 %, three quarters.
    assert calibration_error(churned, probability, bins=2) == pytest.approx((0.05 + 0.15) / 2)


def test_lift_of_the_top_tenth_by_hand() -> None:
    churned, probability = arrays([1] + [0] * 15 + [1] * 4, [0.9, 0.8] + [0.1] * 18)
    # The first two of twenty: one of them left, a rate of 1/2 against 5/20.
    assert top_decile_lift(churned, probability) == pytest.approx(2.0)


def test_ties_at_the_border_of_the_top_tenth_count_with_their_mean() -> None:
    churned, probability = arrays([1] + [1, 0, 0] + [0] * 16, [0.9] + [0.8] * 3 + [0.1] * 16)
    # One above the border left; the second place is shared by three of whom one left: (1 + 1/3) / 2 against 2/20.
    assert top_decile_lift(churned, probability) == pytest.approx((1 + 1 / 3) / 2 / 0.1)


def test_a_constant_probability_is_worth_nothing_but_its_level() -> None:
    churned, probability = arrays([0, 1] * 10, [0.5] * 20)
    metrics = evaluate(churned, probability)
    assert (metrics.auc, metrics.auc_low, metrics.auc_high) == (0.5, 0.5, 0.5)
    assert metrics.top_decile_lift == 1.0
    assert metrics.calibration_error == pytest.approx(0)


@settings(deadline=None, max_examples=25)
@given(data=outcomes(), seed=st.integers(0, 9))
def test_the_order_of_the_customers_changes_nothing(data: Outcomes, seed: int) -> None:
    churned, probability = data
    shuffled = np.random.default_rng(seed).permutation(len(churned))
    before, after = (evaluate(*pair).as_dict() for pair in (data, (churned[shuffled], probability[shuffled])))
    for name in before.keys() - {"auc_low", "auc_high"}:  # the bootstrap draws other customers
        assert after[name] == pytest.approx(before[name], abs=1e-12), name


@settings(deadline=None, max_examples=25)
@given(data=outcomes())
def test_metrics_stay_within_their_bounds(data: Outcomes) -> None:
    churned, probability = data
    metrics = evaluate(churned, probability)
    shares = ("churn_rate", "auc", "auc_low", "auc_high", "pr_auc", "brier", "calibration_error")
    assert all(0 <= metrics.as_dict()[name] <= 1 for name in shares)
    assert 0 <= metrics.top_decile_lift <= 1 / metrics.churn_rate + 1e-9
    assert metrics.auc_low <= metrics.auc_high
    assert calibration_error(churned, probability, bins=1) == pytest.approx(abs(probability.mean() - churned.mean()))
    assert evaluate(churned, 1 - probability).auc == pytest.approx(1 - metrics.auc)


def test_probabilities_that_come_true_are_calibrated() -> None:
    generator = np.random.default_rng(1)
    probability = generator.uniform(0, 1, 50_000)
    churned = (generator.random(50_000) < probability).astype(np.int64)
    assert calibration_error(churned, probability) < 0.01
    assert calibration_error(churned, probability**2) > 0.1


def test_the_interval_of_the_auc_narrows_with_the_number_of_customers() -> None:
    generator = np.random.default_rng(3)

    def width(rows: int) -> float:
        churned = generator.integers(0, 2, rows)
        low, high = auc_interval(churned, churned + generator.normal(0, 1, rows), seed=0)
        assert low < 0.76 < high  # the AUC of two normal distributions one standard deviation apart
        return high - low

    assert width(2_000) < width(200) / 2


def test_the_auc_and_its_error_of_four_customers_by_hand() -> None:
    churned, probability = arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    auc, error = auc_gain(churned, probability)
    assert auc == 0.75
    # Those who left rank above 1/2 and 1 of those who stayed; of those who left, 1 and 1/2 rank above these.
    assert error == pytest.approx(np.sqrt(np.var([0.5, 1], ddof=1) / 2 + np.var([1, 0.5], ddof=1) / 2))


def test_equal_probabilities_count_by_half_in_the_auc() -> None:
    assert auc_gain(*arrays([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5])) == (0.5, 0.0)


def test_a_ranking_gains_nothing_over_the_same_ranking_and_is_sure_of_it() -> None:
    churned, probability = arrays([0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.2])
    assert auc_gain(churned, probability, probability / 2) == (0.0, 0.0)


def test_the_gain_over_a_baseline_is_the_difference_of_the_two_aucs() -> None:
    churned, better = arrays([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    gain, error = auc_gain(churned, better, np.asarray([0.1, 0.4, 0.35, 0.8]))
    assert gain == 0.25
    assert error == pytest.approx(np.sqrt(np.var([0.5, 0], ddof=1) / 2 + np.var([0, 0.5], ddof=1) / 2))
