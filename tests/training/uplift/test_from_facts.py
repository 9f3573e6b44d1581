"""Treatments of a company with what was known before and what came after, on tables by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.catalogue import BY_NAME
from features.errors import NotEnoughDataError
from features.project import Project, load_project
from features.sources import open_facts
from tests.training.companies import company, utc
from training.uplift.from_facts import ActionLogs, logs_from_facts
from training.uplift.learn import learn_uplift

FEATURES = [BY_NAME["days_since_last_purchase"], BY_NAME["purchase_days_total"], BY_NAME["spend_365d"]]
AS_OF = utc(2025, 6, 1)

ORDERS = [
    # all of them bought on the 1st of January; what they do after the 1st of March is the outcome (30 days)
    *((name, "2025-02-01 10:00:00", "100") for name in ("back", "gone", "late", "early", "new")),
    ("back", "2025-03-20 10:00:00", "50"),
    ("late", "2025-03-31 00:00:00", "50"),  # the horizon of 30 days from the 1st ends just before this day
    ("early", "2025-03-01 00:00:00", "50"),  # on the day itself: an outcome, not yet known before
    ("long ago", "2024-10-01 10:00:00", "100"),
    ("new", "2025-05-20 10:00:00", "100"),
]
TREATMENTS = [
    ("back", "2025-03-01 09:00:00", "call", "treated", "0.6", "5"),
    ("gone", "2025-03-01 09:00:00", "call", "control", "0.6", "0"),
    ("late", "2025-03-01 09:00:00", "call", "treated", "0.5", "5"),
    ("early", "2025-03-01 12:00:00", "call", "Control", "0.5", ""),
    ("long ago", "2025-03-01 09:00:00", "call", "treated", "0.5", "5"),  # cannot be lost any more
    ("back", "2025-03-02 09:00:00", "visit", "treated", "", "80"),
    ("gone", "2025-03-02 09:00:00", "visit", "control", "", "0"),
    ("new", "2025-05-25 09:00:00", "call", "treated", "0.5", "5"),  # its horizon has not ended
    ("back", "2025-03-05 09:00:00", "call", "treated", "1.0", "5"),  # no lot
    ("gone", "2025-03-06 09:00:00", "call", "treated", "0.5", "5"),  # both on one day
    ("gone", "2025-03-06 10:00:00", "call", "control", "0.5", "5"),
    ("late", "2025-03-06 10:00:00", "call", "perhaps", "0.5", "5"),
]


def with_treatments(folder: Path, treatments: list[tuple[str, ...]]) -> Project:
    company(folder, ORDERS, horizon_days=30, active_within_days=60)
    columns = ("customer_id", "at", "action", "arm", "propensity", "cost")
    lines = [",".join(columns), *(",".join(row) for row in treatments)]
    (folder / "treatments.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = folder / "retinue.toml"
    mapped = "\n".join(f'{name} = "{name}"' for name in columns)
    table = f'[tables.treatments]\npath = "treatments.csv"\n[tables.treatments.columns]\n{mapped}\n'
    file.write_text(file.read_text(encoding="utf-8").replace("[churn]", f"{table}[churn]"), encoding="utf-8")
    return load_project(folder)


def logs(folder: Path, treatments: list[tuple[str, ...]], as_of: datetime = AS_OF) -> ActionLogs:
    with open_facts(with_treatments(folder, treatments)) as facts:
        return logs_from_facts(facts, as_of, FEATURES)


def test_each_action_has_a_log_with_what_was_known_before_and_what_came_after(tmp_path: Path) -> None:
    found = logs(tmp_path, TREATMENTS)
    assert sorted(found.logs) == ["call", "visit"]
    call = found.logs["call"]
    assert call.actions == ("call",)
    # by customer: back, early, gone, late
    assert call.arm.tolist() == [1, 0, 0, 1]
    assert call.outcome.tolist() == [0, 0, 1, 1]
    assert not call.is_wanted
    assert call.features["purchase_days_total"].tolist() == [1, 1, 1, 1]
    assert call.features["spend_365d"].tolist() == [100, 100, 100, 100]
    assert call.propensities.tolist() == [[0.4, 0.6], [0.5, 0.5], [0.4, 0.6], [0.5, 0.5]]
    assert call.cost is not None
    assert call.cost.tolist() == [5, 0, 0, 5]
    assert call.value is not None
    assert call.value.tolist() == [100, 100, 100, 100]


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    found = logs(tmp_path, TREATMENTS)
    assert (found.too_recent, found.not_at_risk, found.without_chance) == (1, 1, 1)


def test_where_the_propensity_is_not_told_the_share_treated_stands_for_it(tmp_path: Path) -> None:
    found = logs(tmp_path, TREATMENTS)
    assert found.constant == ("visit",)
    assert found.logs["visit"].propensities.tolist() == [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(("as_of", "rows"), [(utc(2025, 3, 31), 4), (utc(2025, 3, 30), 0), (utc(2025, 3, 30, 23), 0)])
def test_only_treatments_whose_horizon_has_ended_count(tmp_path: Path, as_of: datetime, rows: int) -> None:
    found = logs(tmp_path, TREATMENTS[:5], as_of)
    assert sum(len(log) for log in found.logs.values()) == rows


def test_orders_of_after_the_treatment_change_no_feature(tmp_path: Path) -> None:
    before = logs(tmp_path / "a", TREATMENTS).logs["call"].features
    ORDERS.append(("gone", "2025-03-01 11:00:00", "999"))
    try:
        after = logs(tmp_path / "b", TREATMENTS).logs["call"].features
    finally:
        ORDERS.pop()
    assert before.equals(after)


def test_too_little_to_learn_from_is_said_with_what_there_is_and_what_is_needed(tmp_path: Path) -> None:
    with (
        open_facts(with_treatments(tmp_path, TREATMENTS)) as facts,
        pytest.raises(NotEnoughDataError, match="'call': 2 customers treated and 2 controls") as raised,
    ):
        learn_uplift(facts, AS_OF, 0)
    assert "at least 100 customers in each arm and 30 of each outcome" in raised.value.text.en
    assert "至少需要 100 位客户" in raised.value.text.zh


def test_without_a_treatment_that_has_ended_nothing_is_learnt(tmp_path: Path) -> None:
    with (
        open_facts(with_treatments(tmp_path, TREATMENTS)) as facts,
        pytest.raises(NotEnoughDataError, match="No treatment of a customer who could be lost"),
    ):
        learn_uplift(facts, datetime(2025, 3, 2, tzinfo=UTC), 0)
