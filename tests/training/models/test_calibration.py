import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.models.calibration import Calibrator, sigmoid

Floats = NDArray[np.float64]


def simulated(rows: int, slope: float, offset: float, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Log-odds, and outcomes whose true log-odds are slope × log-odds + offset."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(0, 1.5, rows)
    return log_odds, (generator.random(rows) < sigmoid(slope * log_odds + offset)).astype(np.int64)


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.5, -1.0), (1.6, 0.8)])
def test_the_true_slope_and_offset_are_found(slope: float, offset: float) -> None:
    found = Calibrator.fit(*simulated(15_000, slope, offset), seed=1)
    assert found.slope == pytest.approx(slope, abs=0.08)
    assert found.offset == pytest.approx(offset, abs=0.08)
    assert np.std(found.resamples, axis=0) == pytest.approx([0.03, 0.02], abs=0.015)


def test_the_mean_probability_is_the_observed_rate() -> None:
    log_odds, churned = simulated(3_000, 0.7, 0.4)
    assert Calibrator.fit(log_odds, churned, 1).probability(log_odds).mean() == pytest.approx(churned.mean(), abs=1e-4)


def test_more_rows_than_needed_are_thinned_out_without_harm() -> None:
    found = Calibrator.fit(*simulated(60_000, 0.8, 0.3), seed=1)
    assert [found.slope, found.offset] == pytest.approx([0.8, 0.3], abs=0.05)


@settings(deadline=None, max_examples=20)
@given(rows=st.integers(20, 200), slope=st.floats(-2, 2), offset=st.floats(-2, 2), seed=st.integers(0, 99))
def test_the_interval_holds_the_point_and_the_ranking_is_never_turned_round(
    rows: int, slope: float, offset: float, seed: int
) -> None:
    log_odds, churned = simulated(rows, slope, offset, seed)
    churned[0], churned[1] = 0, 1
    found = Calibrator.fit(log_odds, churned, seed)
    grid = np.linspace(-40, 40, 201)
    probability, (low, high) = found.probability(grid), found.interval(grid)
    assert ((low <= probability) & (probability <= high)).all()
    assert ((low >= 0) & (high <= 1)).all()
    assert found.slope >= 0
    assert (np.diff(probability) >= 0).all()


def test_a_ranking_that_is_the_wrong_way_round_gives_everybody_the_base_rate() -> None:
    log_odds, churned = simulated(2_000, -1.0, 0.0)
    found = Calibrator.fit(log_odds, churned, 1)
    assert found.slope == 0
    assert found.probability(np.array([-5.0, 0.0, 5.0])) == pytest.approx([churned.mean()] * 3)


def test_outcomes_that_can_be_told_apart_perfectly_stay_finite() -> None:
    log_odds = np.concatenate([np.linspace(-3, -1, 40), np.linspace(1, 3, 40)])
    found = Calibrator.fit(log_odds, (log_odds > 0).astype(np.int64), 1)
    assert np.isfinite([found.slope, found.offset]).all()
    assert np.isfinite(found.resamples).all()
    low, high = found.interval(np.array([-3.0, 3.0]))
    assert np.isfinite([low, high]).all()
    assert found.probability(np.array([-3.0]))[0] < 0.01


def test_the_same_log_odds_for_everybody_give_the_base_rate() -> None:
    found = Calibrator.fit(np.full(60, 25.0), np.array([0, 1, 1] * 20, dtype=np.int64), 1)
    assert found.probability(np.array([-25.0, 25.0])) == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize("centre", [-20.0, 20.0])
def test_log_odds_far_from_the_truth_are_brought_back(centre: float) -> None:
    log_odds, churned = simulated(5_000, 1.0, 0.0)
    found = Calibrator.fit(centre + 3 * log_odds, churned, 1)
    assert found.slope == pytest.approx(1 / 3, abs=0.03)
    assert found.offset == pytest.approx(-centre / 3, abs=0.5)


def test_one_outcome_alone_is_refused() -> None:
    for churned in (np.zeros(50, dtype=np.int64), np.ones(50, dtype=np.int64)):
        with pytest.raises(ValueError, match="who left and customers who stayed"):
            Calibrator.fit(np.zeros(50), churned, 1)


def test_seeing_each_customer_many_times_does_not_make_the_interval_narrower() -> None:
    log_odds, churned = simulated(500, 1.0, 0.0)
    customers = np.arange(500)
    rows = np.tile(customers, 9)

    def width(found: Calibrator) -> float:
        low, high = found.interval(np.array([1.0]))
        return float((high - low)[0])

    once = width(Calibrator.fit(log_odds, churned, 1, customers))
    assert width(Calibrator.fit(log_odds[rows], churned[rows], 1, rows)) == pytest.approx(once, rel=0.15)
    assert width(Calibrator.fit(log_odds[rows], churned[rows], 1)) < once / 2


def test_a_calibrator_survives_json_unchanged() -> None:
    found = Calibrator.fit(*simulated(300, 0.7, 0.1), seed=1)
    stored = json.loads(json.dumps(asdict(found)))
    assert Calibrator(**{**stored, "resamples": tuple((a, b) for a, b in stored["resamples"])}) == found
