import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import NotEnoughDataError
from tests.training.companies import utc
from training.cutoffs import MOST_CUTOFFS, schedule

FIRST = utc(2025, 1, 1)


def test_the_cutoffs_step_back_from_as_of_less_the_horizon_to_one_horizon_after_the_first_fact() -> None:
    plan = schedule(FIRST, utc(2025, 6, 1), 42)
    # 42 days before June is 20 April; one horizon after the first fact is 12 February; a step is 42 / 6 = 7 days.
    assert plan.test == utc(2025, 4, 20)
    assert plan.labelled[-1] == utc(2025, 4, 20)
    assert plan.labelled[0] == utc(2025, 2, 16)
    assert {b - a for a, b in zip(plan.labelled, plan.labelled[1:], strict=False)} == {timedelta(days=7)}
    assert plan.fit == (utc(2025, 2, 16), utc(2025, 2, 23), utc(2025, 3, 2), utc(2025, 3, 9))


@given(horizon=st.integers(1, 400), span=st.integers(1, 3000))
def test_no_label_is_seen_before_its_time(horizon: int, span: int) -> None:
    as_of = FIRST + timedelta(days=span)
    step = max(7, horizon // 6)
    if span < 2 * horizon + math.ceil(horizon / step) * step:
        with pytest.raises(NotEnoughDataError):
            schedule(FIRST, as_of, horizon)
        return
    plan = schedule(FIRST, as_of, horizon)
    label_takes = timedelta(days=horizon)
    assert plan.fit
    assert all(cutoff + label_takes <= plan.test for cutoff in plan.fit)
    assert all(cutoff + label_takes <= as_of for cutoff in plan.labelled)
    assert all(cutoff - FIRST >= label_takes for cutoff in plan.labelled)
    assert set(plan.fit) < set(plan.labelled)
    assert list(plan.labelled) == sorted(set(plan.labelled))


def test_the_number_of_cutoffs_is_bounded_however_long_the_history() -> None:
    plan = schedule(utc(1990, 1, 1), utc(2025, 1, 1), 90)
    assert len(plan.fit) == MOST_CUTOFFS
    assert len(plan.labelled) == MOST_CUTOFFS + 6


def test_cutoffs_keep_the_hour_of_the_calendar_across_summer_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    plan = schedule(FIRST, datetime(2025, 7, 1, tzinfo=berlin), 30)
    assert {cutoff.hour for cutoff in plan.labelled} == {0}
    assert {cutoff.utcoffset() for cutoff in plan.labelled} == {timedelta(hours=1), timedelta(hours=2)}


def test_too_short_a_span_is_refused_in_both_languages() -> None:
    with pytest.raises(NotEnoughDataError) as refused:
        schedule(FIRST, utc(2025, 9, 1), 90)
    assert refused.value.text.en == (
        "The facts before 2025-09-01 span 243 days; training with a horizon of 90 days needs at least 270. Give older"
        " facts, or set a shorter [churn] horizon_days."
    )
    assert refused.value.text.zh.startswith("2025-09-01 之前的数据跨度为 243 天；以 90 天为预测期训练至少需要 270 天。")


def test_three_horizons_are_just_enough() -> None:
    assert schedule(FIRST, utc(2025, 9, 28), 90).fit == (utc(2025, 4, 1),)


def test_the_number_of_days_that_the_refusal_asks_for_is_enough() -> None:
    with pytest.raises(
        NotEnoughDataError, match="span 219 days; training with a horizon of 73 days needs at least 230"
    ):
        schedule(FIRST, FIRST + timedelta(days=219), 73)
    with pytest.raises(NotEnoughDataError):
        schedule(FIRST, FIRST + timedelta(days=229), 73)
    assert len(schedule(FIRST, FIRST + timedelta(days=230), 73).fit) == 1
