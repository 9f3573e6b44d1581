import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from training.models.timing.curves import SurvivalCurves

Floats = NDArray[np.float64]

HALVES = SurvivalCurves.from_survival(np.array([0.0, 10, 30]), np.array([[1, 0.5, 0.25], [1, 0.95, 0.8]]))
"""Halves every 10 and then every 20 days; and hardly ever acts."""

CURVES = st.integers(1, 6).flatmap(
    lambda edges: st.tuples(
        arrays(np.float64, (3, edges), elements=st.floats(0, 2)),
        arrays(np.float64, edges, elements=st.floats(0.5, 20)),
    )
)


def curves_of(drawn: tuple[Floats, Floats]) -> SurvivalCurves:
    hazards, widths = drawn
    zeros = np.zeros((len(hazards), 1))
    return SurvivalCurves(np.append(0, np.cumsum(widths)), np.hstack([zeros, np.cumsum(hazards, axis=1)]))


def test_survival_falls_at_a_constant_hazard_within_an_interval() -> None:
    assert HALVES.survival(0).tolist() == [1, 1]
    assert HALVES.survival(10) == pytest.approx([0.5, 0.95])
    assert HALVES.survival(5) == pytest.approx([0.5**0.5, 0.95**0.5])
    assert HALVES.survival(20) == pytest.approx([0.5**1.5, (0.95 * 0.8) ** 0.5])
    assert HALVES.survival(np.array([20.0, 30])) == pytest.approx([0.5**1.5, 0.8])
    assert HALVES.survival_at(np.array([10.0, 30])) == pytest.approx(np.array([[0.5, 0.25], [0.95, 0.8]]))


def test_nothing_is_said_beyond_the_grid() -> None:
    assert np.isnan(HALVES.survival(30.1)).all()
    assert np.isnan(HALVES.survival(-1)).all()
    assert np.isnan(HALVES.days_until(0.5)).tolist() == [False, True]


def test_median_and_interval_are_the_days_at_which_survival_reaches_their_shares() -> None:
    early, late = HALVES.interval_days()
    assert HALVES.median_days()[0] == pytest.approx(10)
    assert early == pytest.approx([10 * np.log(0.9) / np.log(0.5), 10 + 20 * np.log(0.95 / 0.9) / np.log(0.95 / 0.8)])
    assert np.isnan(late).all()
    assert HALVES.days_until(0.75)[0] == pytest.approx(30)


def test_the_restricted_mean_is_the_area_under_the_curve() -> None:
    days = np.linspace(0, 30, 3_001)
    area = np.trapezoid(HALVES.survival_at(days), days, axis=1)
    assert HALVES.restricted_mean_days() == pytest.approx(area, abs=1e-4)
    nobody_acts = SurvivalCurves.from_survival(np.array([0.0, 10, 30]), np.ones((1, 3)))
    assert nobody_acts.restricted_mean_days().tolist() == [30]


def test_a_curve_may_fall_to_nothing() -> None:
    sure = SurvivalCurves.from_survival(np.array([0.0, 10]), np.array([[1.0, 0.0]]))
    assert sure.survival(10) == pytest.approx([1e-12])
    assert np.isfinite(sure.restricted_mean_days()).all()


@given(CURVES, st.floats(0.01, 0.99))
def test_survival_at_the_day_of_a_share_is_the_rest(drawn: tuple[Floats, Floats], share: float) -> None:
    curves = curves_of(drawn)
    days = curves.days_until(share)
    is_seen = ~np.isnan(days)
    assert curves.take(is_seen).survival(days[is_seen]) == pytest.approx(1 - share)
    assert (curves.survival(curves.end_days)[~is_seen] > 1 - share - 1e-12).all()


@given(CURVES, st.floats(0.01, 1), arrays(np.float64, 3, elements=st.floats(1e-6, 1)))
def test_rescaled_curves_go_through_the_given_probability_and_keep_their_shape(
    drawn: tuple[Floats, Floats], part: float, survival: Floats
) -> None:
    curves = curves_of(drawn)
    day = curves.end_days * part
    rescaled = curves.rescaled(day, survival)
    assert rescaled.survival(day) == pytest.approx(survival, rel=1e-9)
    assert (np.diff(rescaled.cumulative_hazard, axis=1) >= 0).all()
    has_shape = (curves.survival(day) < 1 - 1e-9) & (survival < 1 - 1e-9)
    own, new = curves.cumulative_hazard[has_shape], rescaled.cumulative_hazard[has_shape]
    factor = np.log(survival[has_shape]) / np.log(curves.survival(day)[has_shape])
    assert new == pytest.approx(own * factor[:, None], rel=1e-6, abs=1e-12)


def test_a_curve_without_hazard_gets_an_even_one() -> None:
    nobody_acts = SurvivalCurves.from_survival(np.array([0.0, 10, 30]), np.ones((1, 3)))
    assert nobody_acts.rescaled(10, np.array([0.5])).survival(5) == pytest.approx([0.5**0.5])


@pytest.mark.parametrize("day", [0, 31])
def test_curves_cannot_be_rescaled_at_a_day_they_do_not_reach(day: float) -> None:
    with pytest.raises(ValueError, match=f"day {day} is not within the 30 days of the curves"):
        HALVES.rescaled(day, np.array([0.5, 0.5]))


def test_rows_are_taken_by_position_or_mark() -> None:
    assert HALVES.take(np.array([1])).survival(10) == pytest.approx([0.95])
    assert len(HALVES.take(np.array([False, False]))) == 0
