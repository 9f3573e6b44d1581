import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.training.models.calibration.simulated import Floats, simulated
from training.models.calibration.curves import (
    KINDS,
    Counts,
    Kind,
    fit_beta,
    fit_isotonic,
    fit_offset,
    fit_platt,
    sigmoid,
)

TINY = Counts(np.array([-1.0, 0.0, 1.0]), np.array([10.0, 10.0, 20.0]), np.array([2.0, 1.0, 15.0]))


def counted(log_odds: Floats, churned: NDArray[np.number | np.bool_]) -> Counts:
    order = np.argsort(log_odds)
    return Counts(log_odds[order], np.ones(len(order)), churned[order].astype(np.float64))


def test_an_offset_moves_everybody_alike_so_that_the_total_is_right() -> None:
    found = fit_offset(TINY)(TINY.log_odds)
    assert np.diff(found) == pytest.approx([1.0, 1.0])
    assert (sigmoid(found) * TINY.rows).sum() == pytest.approx(18.0)


def test_a_line_gives_the_right_total_and_the_right_mean_score_of_those_who_left() -> None:
    expected = sigmoid(fit_platt(TINY)(TINY.log_odds)) * TINY.rows
    assert expected.sum() == pytest.approx(18.0, abs=0.01)
    assert (expected * TINY.log_odds).sum() == pytest.approx(13.0, abs=0.01)


def test_beta_calibration_finds_its_own_parameters() -> None:
    generator = np.random.default_rng(0)
    log_odds = generator.normal(0, 2, 60_000)
    truth = 0.3 - 0.5 * np.logaddexp(0, -log_odds) + 1.5 * np.logaddexp(0, log_odds)
    found = fit_beta(counted(log_odds, generator.random(60_000) < sigmoid(truth)))
    grid = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    expected = 0.3 - 0.5 * np.logaddexp(0, -grid) + 1.5 * np.logaddexp(0, grid)
    assert found(grid) == pytest.approx(expected, abs=0.15)


def test_isotonic_pools_neighbours_that_fall_and_shrinks_the_ends_by_one_row() -> None:
    rate = 18 / 40
    found = sigmoid(fit_isotonic(TINY)(np.array([-9.0, -1.0, 1.0, 9.0])))
    lower, upper = (2 + 1 + rate) / 21, (15 + rate) / 21
    assert found[[0, 3]] == pytest.approx([lower, upper])
    assert lower <= found[1] < found[2] <= upper


def test_isotonic_never_says_never() -> None:
    log_odds = np.linspace(-3, 3, 400)
    found = sigmoid(fit_isotonic(counted(log_odds, log_odds > 0))(log_odds))
    assert found.min() == pytest.approx(0.5 / 201)
    assert found.max() == pytest.approx(1 - 0.5 / 201)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(deadline=None, max_examples=25)
@given(rows=st.integers(8, 300), slope=st.floats(-3, 3), offset=st.floats(-3, 3), seed=st.integers(0, 99))
def test_no_curve_ever_falls_or_leaves_the_numbers(
    kind: Kind, rows: int, slope: float, offset: float, seed: int
) -> None:
    log_odds, churned = simulated(rows, slope, offset, seed)
    churned[:2] = 0, 1
    curve = kind.fit(counted(log_odds, churned))(np.linspace(-30, 30, 101))
    assert np.isfinite(curve).all()
    assert (np.diff(curve) >= -1e-9).all()
