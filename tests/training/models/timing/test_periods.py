import numpy as np
import pandas as pd
import pytest

from features.errors import NotEnoughDataError
from tests.training.models.timing.customers import FEATURES, rhythmic, seen
from training.durations import Durations
from training.evaluation.survival import kaplan_meier
from training.models.timing.hazards import shared_log_odds
from training.models.timing.periods import INTERVAL_DAYS, at_intervals, grid_edges, person_periods

EDGES = np.array([0.0, 1, 3, 7])


def watched(days: float) -> Durations:
    """A hundred rows, all followed that long, half of them with an event on the first day."""
    return Durations(np.tile([0.5, days], 50), np.tile([True, False], 50), np.full(100, days))


def test_the_grid_grows_by_a_quarter_to_the_horizon_and_on_to_twice_that() -> None:
    assert grid_edges(watched(500), 30).tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 10, 13, 16, 20, 24, 30, 36, 42, 50, 60]


def test_the_grid_ends_where_fewer_than_fifty_rows_were_followed() -> None:
    followed = np.concatenate([np.full(50, 20.9), np.full(49, 99.0), [20.0]])
    durations = Durations(np.where(np.arange(100) < 40, 0.0, followed), np.arange(100) < 40, followed)
    assert grid_edges(durations, 90)[-1] == 20
    assert grid_edges(durations, 8)[-1] == 16
    assert 8 in grid_edges(durations, 8)


@pytest.mark.parametrize("horizon_days", [1, 2, 7, 90, 365, 1095])
def test_the_horizon_is_an_edge(horizon_days: int) -> None:
    edges = grid_edges(watched(3000), horizon_days)
    assert horizon_days in edges
    assert edges[-1] == 2 * horizon_days
    assert (np.diff(edges) >= 1).all()


def test_too_few_events_are_refused_in_both_languages() -> None:
    few = Durations(np.full(100, 8.0), np.arange(100) < 29, np.full(100, 9.5))
    with pytest.raises(NotEnoughDataError) as refused:
        grid_edges(few, 30)
    assert "29 events were seen in 100 rows within 9 days" in refused.value.text.en
    assert "100 行在 9 天内观察到 29 次事件" in refused.value.text.zh
    for nothing in (watched(0.9), watched(9).take(np.zeros(0, int))):
        with pytest.raises(NotEnoughDataError, match="0 events were seen in"):
            grid_edges(nothing, 30)


def test_events_beyond_the_grid_teach_nothing() -> None:
    late = Durations(np.full(100, 70.0), np.ones(100, bool), np.full(100, 90.0))
    assert grid_edges(late, 40)[-1] == 80
    with pytest.raises(NotEnoughDataError, match="0 events were seen in 100 rows within 60 days"):
        grid_edges(late, 30)


def test_a_row_counts_in_the_intervals_that_it_entered_and_that_were_seen_to_their_end() -> None:
    durations = seen(np.array([0.0, 2, 3, np.inf, 5, 6.9]), np.array([9.0, 9, 9, 3, 6, 7]))
    periods = person_periods(durations, EDGES)
    assert [tuple(p) for p in zip(periods.row, periods.interval, periods.event, strict=True)] == [
        (0, 0, 1),
        (1, 0, 0),
        (1, 1, 1),
        (2, 0, 0),
        (2, 1, 0),
        (2, 2, 1),
        (3, 0, 0),
        (3, 1, 0),
        (4, 0, 0),
        (4, 1, 0),
        (5, 0, 0),
        (5, 1, 0),
        (5, 2, 1),
    ]


def test_the_hazards_of_all_rows_together_multiply_to_kaplan_meier_when_intervals_are_seen_whole() -> None:
    generator = np.random.default_rng(3)
    durations = seen(generator.exponential(4, 500), generator.choice(EDGES[1:], 500))
    hazard = 1 / (1 + np.exp(-shared_log_odds(person_periods(durations, EDGES), 3)))
    survival = kaplan_meier(durations.days, durations.observed).until(EDGES[1:])
    assert np.cumprod(1 - hazard) == pytest.approx(survival)


def test_half_seen_intervals_leave_the_hazards_unbiased() -> None:
    generator = np.random.default_rng(4)
    durations = seen(generator.exponential(4, 40_000), generator.uniform(0, 12, 40_000))
    hazard = 1 / (1 + np.exp(-shared_log_odds(person_periods(durations, EDGES), 3)))
    assert hazard == pytest.approx(1 - np.exp(-np.diff(EDGES) / 4), abs=0.01)


def test_clocks_go_on_to_the_interval() -> None:
    frame = pd.DataFrame(
        {"days_since_last_purchase": [6.0, 6, 6], "gap_mean_days": [10.0, np.nan, 4], "contract_running_days": 360.0}
    )
    rows = at_intervals(frame, list(frame.columns), EDGES, np.array([2, 2, 1]))
    assert rows[INTERVAL_DAYS].tolist() == [5, 5, 2]
    assert rows["gap_then_days"].tolist() == [11, 11, 8]
    assert rows["gap_then_of_mean"].tolist() == [1.1, pytest.approx(np.nan, nan_ok=True), 2]
    assert rows["contract_begin_days"].tolist() == [363, 363, 361]
    assert rows["contract_end_days"].tolist() == [367, 367, 363]


@pytest.mark.parametrize(
    ("features", "clocks"),
    [
        (FEATURES, {"gap_then_days", "gap_then_of_mean"}),
        (("spend_365d",), set()),
        (("gap_mean_days",), set()),
    ],
)
def test_clocks_without_their_features_stand_still(features: tuple[str, ...], clocks: set[str]) -> None:
    frame, _ = rhythmic(8)
    rows = at_intervals(frame, features, EDGES, np.zeros(8, int))
    assert set(rows) == {*features, INTERVAL_DAYS, *clocks}
