"""Qini, AUUC and uplift at a share, against tables by hand and a plain reading of their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.uplift.curves import among_top, auuc, qini, uplift_at

GOOD = np.array([1.0, 0.0, 0.0, 1.0])
TREATED = np.array([True, False, True, False])
FORWARD, BACKWARD = np.array([4.0, 3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])


def test_the_qini_coefficient_of_a_table_by_hand() -> None:
    # forward, the curve is 0 1 1 1 0 with an area of 3, which is perfect; backward 0 0 -1 -.5 0 with an area of -1.5
    assert qini(FORWARD, GOOD, TREATED) == pytest.approx(1.0)
    assert qini(BACKWARD, GOOD, TREATED) == pytest.approx(-0.5)


def test_the_area_under_the_uplift_curve_of_a_table_by_hand() -> None:
    # forward, the curve is 0 1 2 1.5 0 with an area of 4.5, which is perfect; backward 0 -1 -2 -1.5 0
    assert auuc(FORWARD, GOOD, TREATED) == pytest.approx(1.0)
    assert auuc(BACKWARD, GOOD, TREATED) == pytest.approx(-1.0)


def test_the_qini_coefficient_of_a_table_with_a_mean_effect_and_equal_scores() -> None:
    good = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    treated = np.array([True, True, False, False, True, False])
    score = np.array([2.0, 2.0, 2.0, 1.0, 0.0, 0.0])
    # curve at 3, 4 and 6 customers: 2 - 0, 2 - 1 * 2/2, 2 - 1 * 3/3; area 3 + 1.5 + 2 = 6.5; straight line 3
    # perfect at 2, 5 and 6: 2, 2 - 0, 2 - 1 * 3/3; area 2 + 6 + 1.5 = 9.5
    assert qini(score, good, treated) == pytest.approx((6.5 - 3) / (9.5 - 3))


def test_without_an_order_all_coefficients_are_zero_and_uplift_is_the_mean_effect() -> None:
    lot = np.zeros(4)
    assert qini(lot, GOOD, TREATED) == auuc(lot, GOOD, TREATED) == 0.0
    assert uplift_at(0.5, lot, GOOD, TREATED) == 0.0
    assert among_top(lot, 0.5).tolist() == [0.5] * 4


def test_uplift_at_a_share_is_the_difference_between_the_arms_at_the_top() -> None:
    assert uplift_at(0.5, FORWARD, GOOD, TREATED) == 1.0
    assert uplift_at(0.5, BACKWARD, GOOD, TREATED) == -1.0
    assert np.isnan(uplift_at(0.25, FORWARD, GOOD, TREATED)), "nobody but one treated customer"


def test_customers_with_equal_scores_at_the_edge_count_in_part() -> None:
    assert among_top(np.array([9.0, 5.0, 5.0, 1.0]), 0.5).tolist() == [1.0, 0.5, 0.5, 0.0]


def test_figures_are_undefined_where_one_outcome_or_one_arm_is_all_there_is() -> None:
    assert np.isnan(qini(FORWARD, np.zeros(4), TREATED))
    assert np.isnan(uplift_at(1.0, FORWARD, GOOD, np.ones(4, dtype=bool)))


rows = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.integers(1, 3), min_size=n, max_size=n),
    )
)


def both(good: np.ndarray, treated: np.ndarray) -> bool:
    return 0 < treated.sum() < len(treated) and 0 < good.sum() < len(good)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_coefficients_are_those_of_a_plain_reading_of_the_definition(drawn: tuple[list, list, list, list]) -> None:
    score, good, treated = np.array(drawn[0], float), np.array(drawn[1], float), np.array(drawn[2])
    if not both(good, treated):
        return
    perfect = good * treated - good * ~treated
    second = good if (good * ~treated).sum() > ((1 - good) * treated).sum() else treated
    best = 2.0 * (good == treated) + second
    for own, ideal, height, found in (
        (score, perfect, _qini_height, qini(score, good, treated)),
        (score, best, _uplift_height, auuc(score, good, treated)),
    ):
        expected = _coefficient(own, ideal, good, treated, height)
        assert found == pytest.approx(expected, abs=1e-9) or (np.isnan(expected) and np.isnan(found))


@settings(max_examples=40, deadline=None)
@given(rows)
def test_a_row_of_weight_two_counts_like_two_rows(drawn: tuple[list, list, list, list]) -> None:
    score, good, treated = np.array(drawn[0], float), np.array(drawn[1], float), np.array(drawn[2])
    times = np.array(drawn[3])
    if not both(good, treated):
        return
    many = [np.repeat(column, times) for column in (score, good, treated)]
    assert qini(score, good, treated, times.astype(float)) == pytest.approx(qini(*many), abs=1e-9, nan_ok=True)


def _qini_height(good: np.ndarray, treated: np.ndarray) -> float:
    n_t, n_c = treated.sum(), (~treated).sum()
    return good[treated].sum() - (good[~treated].sum() * n_t / n_c if n_c else 0.0)


def _uplift_height(good: np.ndarray, treated: np.ndarray) -> float:
    parts = [good[of].mean() if of.any() else 0.0 for of in (treated, ~treated)]
    return (parts[0] - parts[1]) * len(good)


def _coefficient(score: np.ndarray, ideal: np.ndarray, good: np.ndarray, treated: np.ndarray, height: object) -> float:
    areas = []
    for by in (score, ideal):
        x, y = [0.0], [0.0]
        for level in sorted(set(by), reverse=True):
            top = by >= level
            x.append(top.sum())
            y.append(height(good[top], treated[top]))  # type: ignore[operator]
        straight = x[-1] * y[-1] / 2
        areas.append(sum((x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2 for i in range(len(x) - 1)) - straight)
    return areas[0] / areas[1] if areas[1] > 1e-8 * len(good) else np.nan
