import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.models.calibration.simulated import drawn, simulated
from training.models.calibration import Calibrator, sigmoid


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.5, -1.0), (1.6, 0.8)])
def test_the_true_slope_and_offset_are_found(slope: float, offset: float) -> None:
    found = Calibrator.fit(*simulated(15_000, slope, offset), seed=1)
    assert found.slope == pytest.approx(slope, abs=0.08)
    assert found.offset == pytest.approx(offset, abs=0.08)


def test_the_band_is_as_wide_as_the_standard_error_of_the_level() -> None:
    log_odds, churned = simulated(15_000, 0.5, -1.0)
    low, high = Calibrator.fit(log_odds, churned, 1).interval(log_odds.mean(keepdims=True))
    rate = sigmoid(0.5 * log_odds - 1.0)
    error = 1 / np.sqrt((rate * (1 - rate)).sum())
    assert (np.log(high / (1 - high)) - np.log(low / (1 - low)))[0] == pytest.approx(2 * 1.96 * error, rel=0.3)


def test_the_mean_probability_is_the_observed_rate() -> None:
    log_odds, churned = simulated(3_000, 0.7, 0.4)
    assert Calibrator.fit(log_odds, churned, 1).probability(log_odds).mean() == pytest.approx(churned.mean(), abs=1e-4)


def test_more_rows_than_needed_are_thinned_out_without_harm() -> None:
    found = Calibrator.fit(*simulated(210_000, 0.8, 0.3), seed=1)
    assert [found.slope, found.offset] == pytest.approx([0.8, 0.3], abs=0.05)


@settings(deadline=None, max_examples=10)
@given(rows=st.integers(20, 200), slope=st.floats(-2, 2), offset=st.floats(-2, 2), seed=st.integers(0, 99))
def test_the_interval_holds_the_point_and_the_ranking_is_never_turned_round(
    rows: int, slope: float, offset: float, seed: int
) -> None:
    log_odds, churned = simulated(rows, slope, offset, seed)
    churned[0], churned[1] = 0, 1
    found = Calibrator.fit(log_odds, churned, seed, as_of=np.repeat(["2025-01-01", "2025-02-01"], [9, rows - 9]))
    grid = np.linspace(-40, 40, 201)
    probability, (low, high) = found.probability(grid), found.interval(grid)
    assert ((low <= probability) & (probability <= high)).all()
    assert ((low >= 0) & (high <= 1)).all()
    assert found.slope >= 0
    assert (np.diff(probability) >= 0).all()


def test_a_ranking_that_is_the_wrong_way_round_gives_everybody_the_base_rate() -> None:
    log_odds, churned = simulated(2_000, -1.0, 0.0)
    found = Calibrator.fit(log_odds, churned, 1)
    assert (found.kind, found.slope) == ("platt", 0)
    assert found.probability(np.array([-5.0, 0.0, 5.0])) == pytest.approx([churned.mean()] * 3)


def test_outcomes_that_can_be_told_apart_perfectly_stay_finite() -> None:
    log_odds = np.concatenate([np.linspace(-3, -1, 40), np.linspace(1, 3, 40)])
    found = Calibrator.fit(log_odds, (log_odds > 0).astype(np.int64), 1)
    low, high = found.interval(np.array([-3.0, 3.0]))
    assert np.isfinite([low, high]).all()
    assert 0 < found.probability(np.array([-3.0]))[0] < 0.01


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


def test_one_who_stayed_among_all_who_left_gives_nobody_a_probability_of_one() -> None:
    log_odds = np.linspace(-2, 2, 200)
    churned = np.ones(200, dtype=np.int64)
    churned[0] = 0
    probability = Calibrator.fit(log_odds, churned, 1).probability(log_odds)
    assert ((probability > 0) & (probability < 1)).all()


def test_seeing_each_customer_many_times_does_not_make_the_interval_narrower() -> None:
    log_odds, churned = simulated(500, 0.6, 0.5)
    rows = np.tile(np.arange(500), 9)

    def width(found: Calibrator) -> float:
        low, high = found.interval(np.array([1.0]))
        return float((high - low)[0])

    once = width(Calibrator.fit(log_odds, churned, 1, np.arange(500)))
    assert width(Calibrator.fit(log_odds[rows], churned[rows], 1, rows)) == pytest.approx(once, rel=0.25)
    assert width(Calibrator.fit(log_odds[rows], churned[rows], 1)) < 0.7 * once


def test_the_interval_covers_the_true_rate_at_each_score_as_often_as_it_says() -> None:
    scores = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    truth = sigmoid(0.7 * scores - 0.5)
    covered = []
    for seed in range(40):
        low, high = Calibrator.fit(*simulated(600, 0.7, -0.5, seed), seed).interval(scores)
        covered.append((low <= truth) & (truth <= high))
    assert 0.90 <= np.mean(covered) <= 0.99


def test_a_line_is_what_it_says() -> None:
    line = Calibrator.line(0.5, -1.0, standard_error=0.2)
    assert (line.slope, line.offset) == (0.5, -1.0)
    assert line.probability(np.array([-9.0, 2.0, 9.0])) == pytest.approx(sigmoid(np.array([-5.5, 0.0, 3.5])))
    low, high = line.interval(np.array([2.0, 9.0]))
    reach = 1.96 * 0.2
    assert low == pytest.approx(sigmoid(np.array([0.0, 3.5]) - reach), abs=1e-4)
    assert high == pytest.approx(sigmoid(np.array([0.0, 3.5]) + reach), abs=1e-4)


def test_a_shift_moves_the_level_and_widens_the_interval_by_its_error() -> None:
    found = Calibrator.line(0.5, -1.0, standard_error=0.3).shifted(0.25, 0.4)
    assert (found.slope, found.offset) == pytest.approx((0.5, -0.75))
    low, high = found.interval(np.array([1.5]))
    assert low[0] == pytest.approx(1 / (1 + np.exp(1.96 * 0.5)), abs=1e-4)
    assert high[0] == pytest.approx(1 / (1 + np.exp(-1.96 * 0.5)), abs=1e-4)


def test_a_shift_of_nothing_known_exactly_changes_nothing() -> None:
    found = Calibrator.fit(*simulated(300, 0.7, 0.1), seed=1)
    assert found.shifted(0.0, 0.0) == found


def test_a_missing_score_has_no_probability() -> None:
    found = Calibrator.line(1.0, 0.0, 0.1)
    assert np.isnan(found.probability(np.array([np.nan]))).all()
    assert np.isnan(found.interval(np.array([np.nan]))).all()


def test_a_calibrator_survives_json_unchanged() -> None:
    found = Calibrator.fit(*simulated(300, 0.7, 0.1), seed=1)
    assert Calibrator.from_document(json.loads(json.dumps(found.to_document()))) == found


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"knots": [0.0]}, "two knots or more"),
        ({"below": [0.1]}, "two knots or more"),
        ({"heights": [0.0, float("inf")]}, "finite"),
        ({"heights": [1.0, 0.0]}, "never falls"),
        ({"knots": [1.0, 1.0]}, "never falls"),
        ({"above": [0.1, -0.1]}, "holds its curve"),
    ],
)
def test_what_is_no_calibrator_is_refused(change: dict[str, list[float]], fault: str) -> None:
    document = Calibrator.line(1.0, 0.0).to_document()
    with pytest.raises(ValueError, match=fault):
        Calibrator.from_document(document | change)


def test_the_same_rows_and_seed_give_the_same_calibrator() -> None:
    log_odds, churned = simulated(700, 0.7, 0.1)
    as_of = np.tile(["2025-01-01", "2025-02-01"], 350)
    assert Calibrator.fit(log_odds, churned, 3, None, as_of) == Calibrator.fit(log_odds, churned, 3, None, as_of)


def test_a_step_that_no_line_can_follow_is_followed_where_there_are_thousands_of_customers() -> None:
    log_odds = np.random.default_rng(0).normal(0, 2, 12_000)
    churned = drawn(log_odds, np.where(log_odds < 0, -1.4, 0.4), 0)
    found = Calibrator.fit(log_odds, churned, 1)
    assert found.kind == "isotonic"
    assert found.probability(np.array([-3.0, -0.5, 0.5, 3.0])) == pytest.approx(
        sigmoid(np.array([-1.4, -1.4, 0.4, 0.4])), abs=0.06
    )
