from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import ProjectError
from features.project import Project, load_project
from features.sources import open_facts
from tests.training.companies import company, utc
from training.durations import Durations, durations_of
from training.labels import evidence

CUTOFF, KNOWN_BEFORE = utc(2025, 3, 1), utc(2025, 6, 9)

CONTRACTS_TOML = """
[project]
name = "Fitness"
currency = "EUR"
[tables.subscriptions]
path = "contracts.csv"
[tables.subscriptions.columns]
customer_id = "customer_id"
started_at = "started_at"
ended_at = "ended_at"
[churn]
kind = "{kind}"
"""


def rows(*keys: tuple[str, datetime]) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [c for c, _ in keys], "as_of": pd.to_datetime([a for _, a in keys], utc=True)})


def durations(project: Project, frame: pd.DataFrame, known_before: datetime = KNOWN_BEFORE) -> Durations:
    with open_facts(project) as facts:
        return durations_of(facts, frame, known_before)


def contracts(folder: Path, periods: Sequence[tuple[str, str, str]], kind: str = "contract") -> Project:
    lines = ["customer_id,started_at,ended_at", *(",".join(p) for p in periods)]
    (folder / "contracts.csv").write_text("\n".join(lines) + "\n")
    (folder / "retinue.toml").write_text(CONTRACTS_TOML.format(kind=kind))
    return load_project(folder)


def test_days_run_from_the_cutoff_to_the_first_purchase_at_or_after_it(tmp_path: Path) -> None:
    project = company(
        tmp_path,
        [
            ("just before", "2025-02-28 23:59:59", "10"),
            ("at the cut-off", "2025-03-01 00:00:00", "10"),
            ("twice", "2025-03-11 12:00:00", "10"),
            ("twice", "2025-03-05 06:00:00", "10"),
        ],
    )
    frame = rows(("twice", CUTOFF), ("just before", CUTOFF), ("at the cut-off", CUTOFF), ("twice", utc(2025, 3, 10)))
    found = durations(project, frame)
    assert found.days.tolist() == [4.25, 100, 0, 1.5]
    assert found.observed.tolist() == [True, False, True, True]
    assert found.followed_days.tolist() == [100, 100, 100, 91]


def test_neither_returns_nor_what_was_learnt_or_came_too_late_is_seen(tmp_path: Path) -> None:
    project = company(
        tmp_path,
        [
            ("return", "2025-03-05", "-10", "2025-03-05"),
            ("a gift", "2025-03-05", "0", "2025-03-05"),
            ("learnt too late", "2025-03-05", "10", "2025-06-09"),
            ("learnt in time", "2025-03-05", "10", "2025-06-08"),
            ("ordered ahead", "2025-06-09", "10", "2025-03-05"),
        ],
    )
    names = ["return", "a gift", "learnt too late", "learnt in time", "ordered ahead", "unknown"]
    found = durations(project, rows(*((name, CUTOFF) for name in names)))
    assert dict(zip(names, found.observed.tolist(), strict=True)) == {
        "return": False,
        "a gift": True,
        "learnt too late": False,
        "learnt in time": True,
        "ordered ahead": False,
        "unknown": False,
    }
    assert found.days.tolist() == [100, 4, 100, 4, 100, 100]


def test_days_are_those_of_the_projects_calendar_when_summer_time_begins(tmp_path: Path) -> None:
    cutoff = datetime(2025, 3, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    project = company(tmp_path, [("A", "2025-03-31 00:00:00", "10")], timezone="Europe/Berlin")
    assert durations(project, rows(("A", cutoff))).days.tolist() == [30]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hours=st.lists(st.tuples(st.integers(0, 3), st.integers(-60, 60 * 24)), min_size=1, max_size=8),
    horizon_days=st.integers(1, 40),
)
def test_a_customer_is_silent_for_a_horizon_exactly_when_its_purchase_comes_later(
    tmp_path: Path, hours: list[tuple[int, int]], horizon_days: int
) -> None:
    cutoff = datetime(2025, 3, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    orders = [(f"C{c}", f"{pd.Timestamp('2025-03-10') + pd.Timedelta(hours=h)}", "10") for c, h in hours]
    names = [f"C{n}" for n in range(4)]
    with open_facts(company(tmp_path, orders, timezone="Europe/Berlin")) as facts:
        bought = {c for _, c in evidence(facts, [cutoff], horizon_days, KNOWN_BEFORE).index}
        found = durations_of(facts, rows(*((name, cutoff) for name in names)), KNOWN_BEFORE)
    assert [name in bought for name in names] == (found.days < horizon_days).tolist()


def test_a_contract_lasts_to_the_end_of_the_last_one_that_follows_without_a_gap(tmp_path: Path) -> None:
    project = contracts(
        tmp_path,
        [
            ("ends", "2024-01-01", "2025-03-31"),
            ("runs on", "2024-01-01", ""),
            ("end agreed for later", "2024-01-01", "2025-06-09"),
            ("renewed", "2024-03-11", "2025-03-11"),
            ("renewed", "2025-03-12", "2025-05-01"),
            ("back after a gap", "2024-03-11", "2025-03-11"),
            ("back after a gap", "2025-03-13", ""),
            ("two at once", "2024-01-01", "2025-05-10"),
            ("two at once", "2024-06-01", "2025-03-20"),
            ("ends at the cut-off", "2024-01-01", "2025-03-01"),
        ],
    )
    names = ["ends", "runs on", "end agreed for later", "renewed", "back after a gap", "two at once"]
    found = durations(project, rows(*((name, CUTOFF) for name in [*names, "ends at the cut-off"])))
    assert found.days.tolist() == [30, 100, 100, 61, 10, 70, 0]
    assert found.observed.tolist() == [True, False, False, True, True, True, True]


def test_rows_without_a_running_contract_are_refused(tmp_path: Path) -> None:
    project = contracts(tmp_path, [("gone", "2024-01-01", "2025-02-01"), ("to come", "2025-03-01", "")])
    with pytest.raises(ValueError, match="2 of 2 rows have no running contract"):
        durations(project, rows(("gone", CUTOFF), ("to come", CUTOFF)))


def test_a_kind_without_an_instant_of_leaving_is_refused_in_both_languages(tmp_path: Path) -> None:
    project = contracts(tmp_path, [("A", "2024-01-01", "")], kind="decline")
    with pytest.raises(ProjectError) as refused:
        durations(project, rows(("A", CUTOFF)))
    assert "kind = 'decline' has no instant of leaving" in refused.value.text.en
    assert "没有明确的流失时刻" in refused.value.text.zh


def test_a_cutoff_at_the_end_of_what_is_known_is_refused(tmp_path: Path) -> None:
    project = company(tmp_path, [("A", "2025-03-05", "10")])
    with pytest.raises(ValueError, match="is not before"):
        durations(project, rows(("A", KNOWN_BEFORE)))


def test_no_rows_have_no_durations(tmp_path: Path) -> None:
    frame = rows(("A", CUTOFF)).head(0)
    assert len(durations(company(tmp_path, [("A", "2025-03-05", "10")]), frame)) == 0


def test_rows_are_taken_by_position_or_mark() -> None:
    known = Durations(np.array([1.0, 2, 3]), np.array([True, False, True]), np.array([9.0, 2, 9]))
    assert known.take(np.array([2, 0])).days.tolist() == [3, 1]
    assert known.take(known.observed).followed_days.tolist() == [9, 9]
