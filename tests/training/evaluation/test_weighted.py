from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.training.evaluation.judgements import Outcomes, arrays, outcomes
from training.evaluation import metrics
from training.evaluation.weighted import MEASURES, Measure, auc, mean_of, pr_auc, share_of, top_decile_lift

Make = Callable[[NDArray[np.int64], NDArray[np.float64]], Measure]

UNCHANGED_BY_BINS = sorted(set(MEASURES) - {"calibration_error"})
"""Metrics for which a weight of two is the same as a second row; bins of equal mass are cut by rows."""

RANKING = ("auc", "pr_auc", "top_decile_lift")


def value(make: Make, rows: Outcomes, weights: object = None) -> float:
    times = np.ones(len(rows[0])) if weights is None else np.asarray(weights, dtype=np.float64)
    return float(make(*rows).of(times[:, None])[0])


@given(outcomes())
@settings(max_examples=60, deadline=None)
def test_with_weights_of_one_every_measure_is_the_metric_of_its_name(rows: Outcomes) -> None:
    plain = metrics.evaluate(*rows).as_dict()
    for name in sorted(set(MEASURES) & set(plain)):
        assert value(MEASURES[name], rows) == pytest.approx(plain[name], abs=1e-9), name


@given(outcomes(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_weight_counts_a_row_so_many_times_and_zero_leaves_it_out(rows: Outcomes, data: st.DataObject) -> None:
    churned, probability = rows
    drawn = data.draw(st.lists(st.integers(0, 3), min_size=len(churned) - 2, max_size=len(churned) - 2))
    times = np.array([1, 1, *drawn])
    repeated = np.repeat(churned, times), np.repeat(probability, times)
    for name in UNCHANGED_BY_BINS:
        assert value(MEASURES[name], rows, times) == pytest.approx(value(MEASURES[name], repeated)), name


@given(outcomes(), st.randoms())
@settings(max_examples=40, deadline=None)
def test_no_measure_depends_on_the_order_of_the_rows(rows: Outcomes, random: st.DataObject) -> None:
    order = list(range(len(rows[0])))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = rows[0][order], rows[1][order]
    for name, make in MEASURES.items():
        assert value(make, shuffled) == pytest.approx(value(make, rows), abs=1e-12), name


@given(outcomes())
@settings(max_examples=40, deadline=None)
def test_ranking_does_not_change_when_probabilities_are_stretched_upwards(rows: Outcomes) -> None:
    for name in RANKING:
        assert value(MEASURES[name], (rows[0], rows[1] ** 3)) == pytest.approx(value(MEASURES[name], rows)), name


@given(outcomes())
@settings(max_examples=40, deadline=None)
def test_measures_stay_within_their_bounds(rows: Outcomes) -> None:
    for name in ("auc", "pr_auc", "brier", "calibration_error"):
        assert 0 <= value(MEASURES[name], rows) <= 1, name
    assert -1 <= value(MEASURES["calibration_gap"], rows) <= 1
    assert 0 <= value(top_decile_lift, rows) <= 1 / rows[0].mean() + 1e-9


def test_a_perfect_and_a_constant_predictor() -> None:
    churned, _ = arrays([1, 0, 0, 1, 0] * 4, [0.0] * 20)
    perfect, constant = (churned, churned.astype(float)), (churned, np.full(20, 0.4))
    assert [value(MEASURES[name], perfect) for name in ("auc", "pr_auc", "brier", "calibration_error")] == [1, 1, 0, 0]
    assert value(top_decile_lift, perfect) == pytest.approx(2.5)
    assert [value(MEASURES[name], constant) for name in RANKING] == pytest.approx([0.5, 0.4, 1.0])
    assert value(MEASURES["calibration_error"], constant) == pytest.approx(0, abs=1e-12)


def test_what_needs_both_outcomes_is_not_defined_with_one() -> None:
    rows = arrays([1, 1, 1], [0.2, 0.5, 0.9])
    assert np.isnan(value(auc, rows))
    assert value(pr_auc, rows) == 1
    assert np.isnan(value(pr_auc, (1 - rows[0], rows[1])))


def test_several_weightings_are_measured_at_once() -> None:
    rows = arrays([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    weights = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 1, 0]], dtype=np.float64).T
    # in the first: three of four pairs are right; without the third row all; in the last, the only pair is wrong
    assert auc(*rows).of(weights).tolist() == [0.75, 1.0, 0.0]


def test_means_shares_and_differences_by_hand() -> None:
    weights = np.array([[1.0], [2.0], [1.0], [0.0]])
    mean = mean_of(np.array([1.0, 2.0, 3.0, 100.0]))
    assert mean.of(weights).tolist() == [2.0]
    part, whole = np.array([True, True, False, True]), np.array([True, False, True, False])
    assert share_of(part, whole).of(weights).tolist() == [0.5]
    assert mean.less(share_of(part, whole)).of(weights).tolist() == [1.5]
    assert np.isnan(share_of(part, whole & ~whole).of(weights)[0])
