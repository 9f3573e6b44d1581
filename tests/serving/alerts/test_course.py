"""How cases go from run to run, with all expected values spelled out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from serving.alerts.course import INSTANTS, course
from serving.alerts.moves import LIVE
from serving.decisions.alert_policy import AlertPolicy, Kinds

POLICY = AlertPolicy(
    escalate_after_days=3, expire_after_days=14, reopen_within_days=60, check_after_days=7, thresholds=Kinds()
)
AS_OF = np.datetime64("2026-03-31", "us")
NEW = {"status": None, "rank": np.nan, "level": np.nan, "value": np.nan, "trend": None}


def day(days_ago: int) -> np.datetime64:
    return AS_OF - np.timedelta64(days_ago, "D")


def case(status: str | None = "open", rank: float = 1, **more: Any) -> dict[str, Any]:
    known = {"status": status, "rank": rank, "level": 0, "value": 10.0, "trend": "steady", "opened_at": day(30)}
    return {**dict.fromkeys(INSTANTS, np.datetime64("NaT")), **known, "as_of": day(1), "trend_since": day(5), **more}


def after(row: dict[str, Any], rank: int, value: float = 12.0, falls: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The one case after the run, and what happened to it in the order of events."""
    frame = pd.DataFrame([row]).astype(dict.fromkeys(INSTANTS, "datetime64[us]"))
    done = course(frame, np.array([rank], np.int8), np.array([value]), np.array([falls]), AS_OF, POLICY)
    return done.cases.iloc[0].to_dict(), [what for what, rows in done.events.items() if rows[0]]


def test_what_is_found_for_the_first_time_is_raised_and_open() -> None:
    found, events = after(case(**NEW, opened_at=np.datetime64("NaT")), 3)
    assert events == ["raised"]
    assert (found["status"], found["rank"], found["level"], found["value"]) == ("open", 3, 0, 12.0)
    assert (found["opened_at"], found["red_since"], found["trend"]) == (AS_OF, AS_OF, "new")


@pytest.mark.parametrize("status", LIVE)
@pytest.mark.parametrize(("rank", "event"), [(1, "eased"), (2, None), (3, "worsened")])
def test_another_colour_changes_the_same_case(status: str, rank: int, event: str | None) -> None:
    found, events = after(case(status, 2), rank)
    assert events == ([event] if event else [])
    assert (found["rank"], found["status"], found["opened_at"]) == (rank, status, day(30))


@pytest.mark.parametrize(
    ("value", "falls", "trend", "since"),
    [
        (12.0, False, "worse", 0),
        (12.0, True, "better", 0),
        (8.0, False, "better", 0),
        (10.0, False, "steady", 5),  # as before, so since the same run
    ],
)
def test_the_trend_tells_how_the_value_moved_and_since_when(value: float, falls: bool, trend: str, since: int) -> None:
    found, _ = after(case(), 1, value, falls)
    assert (found["trend"], found["trend_since"], found["value"]) == (trend, day(since), value)


def test_a_red_case_that_nobody_acknowledged_moves_up_after_three_days_and_again() -> None:
    for days, level in [(2, 0), (3, 1), (5, 1), (6, 2), (100, 2)]:
        found, events = after(case(rank=3, red_since=day(days)), 3)
        assert found["level"] == level
        assert events == (["escalated"] if level else [])
    assert after(case("acknowledged", 3, red_since=day(9)), 3)[1] == []
    assert after(case(rank=3, red_since=day(9), level=2), 3)[1] == []
    assert after(case(rank=2), 3) == after(case(rank=2, red_since=day(99)), 3)  # red only now: the days begin anew


def test_a_cause_that_is_gone_closes_the_case_after_two_weeks() -> None:
    found, events = after(case(), 0, 1.0)
    assert (events, found["status"], found["calm_since"], found["value"]) == (["calm"], "open", AS_OF, 1.0)
    assert after(case(calm_since=day(13)), 0)[1] == []
    found, events = after(case(calm_since=day(14)), 0)
    assert (events, found["status"], found["closed_at"]) == (["expired"], "expired", AS_OF)
    found, events = after(case(calm_since=day(13)), 1)
    assert events == ["returned"]
    assert pd.isna(found["calm_since"])


def test_what_cannot_be_judged_is_not_called_better() -> None:
    found, events = after(case("resolved", resolved_as_of=day(9)), -1, np.nan)
    assert (events, found["status"], found["value"], found["judged"]) == (["unknown"], "resolved", 10.0, 0)


def test_a_resolved_case_is_verified_by_the_next_run_that_finds_it_better_and_by_no_other() -> None:
    resolved = case("resolved", resolved_as_of=day(1))
    found, events = after(resolved, 0, 1.0)
    assert (events, found["status"], found["closed_at"]) == (["calm", "verified"], "verified", AS_OF)
    assert after(resolved, 1)[1] == []  # the measure gets its time
    assert after(case("resolved", resolved_as_of=day(0)), 0)[1] == ["calm"]  # the same scores prove nothing


def test_a_resolved_case_that_is_no_better_goes_back_to_work() -> None:
    found, events = after(case("resolved", resolved_as_of=day(7)), 1)
    assert (events, found["status"]) == (["not_better"], "in_work")
    assert pd.isna(found["resolved_as_of"])


@pytest.mark.parametrize("status", ["expired", "verified"])
def test_a_closed_case_whose_cause_comes_back_is_the_same_case_again(status: str) -> None:
    found, events = after(case(status, 3, closed_at=day(20), calm_since=day(34), level=2), 3)
    assert (events, found["status"], found["level"]) == (["reopened"], "open", 0)
    assert (found["opened_at"], found["red_since"]) == (day(30), AS_OF)
    assert pd.isna(found["closed_at"])
