"""Cases in a real store: once each, nothing lost, nothing impossible."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy.exc import IntegrityError

from features.errors import AsOfError, NotFoundError
from serving.alert_schemas import AlertAnswer
from serving.alerts.cases import move_alert, raise_alerts
from serving.alerts.moves import AlertError
from serving.store import Store
from serving.store.alerts import AlertFilters
from tests.serving.alerts.cases import BEGIN, POLICY, findings, history, listed, move
from tests.serving.store.places import rows_of, written

COMPLAINT, RISK = ("C-1", "open_complaint"), ("C-2", "churn_risk")
AT = BEGIN + timedelta(hours=9)


def raised(store: Store) -> str:
    """The id of a red complaint that was raised on day 0."""
    raise_alerts(store, findings(0, {COMPLAINT: 3}), POLICY)
    return str(listed(store)[0]["alert_id"])


def test_a_finding_becomes_a_case_that_tells_all_of_it(store: Store) -> None:
    done = raise_alerts(store, findings(0, {COMPLAINT: 3, RISK: 1}), POLICY)
    assert (done.is_new, done.counts["raised"]) == (True, 2)
    first, second = listed(store)
    assert first == {
        "alert_id": first["alert_id"],
        "customer_id": "C-1",
        "customer_name": "Name of C-1",
        "kind": "open_complaint",
        "kind_name": {"en": "Open complaint", "zh": "未结投诉"},
        "colour": "red",
        "status": "open",
        "owner": "Anna",
        "level": 0,
        "value": 3.0,
        "unit": "days",
        "trend": "new",
        "trend_since": "2026-03-01T00:00:00Z",
        "cause": {"en": "It waits.", "zh": "仍在等待。"},
        "proposal": {"en": "It waits.", "zh": "仍在等待。"},
        "opened_at": "2026-03-01T00:00:00Z",
        "as_of": "2026-03-01T00:00:00Z",
        "calm_since": None,
        "closed_at": None,
    }
    assert (second["customer_id"], second["colour"]) == ("C-2", "yellow")


def test_the_same_run_twice_changes_nothing(store: Store) -> None:
    raise_alerts(store, findings(0, {COMPLAINT: 3}), POLICY)
    before = rows_of(store)
    again = raise_alerts(store, findings(0, {COMPLAINT: 3}), POLICY)
    assert (again.is_new, again.counts["raised"]) == (False, 1)
    assert rows_of(store) == before


def test_an_older_run_cannot_change_what_a_later_one_found(store: Store) -> None:
    raise_alerts(store, findings(5, {COMPLAINT: 3}), POLICY)
    with pytest.raises(AsOfError, match="raised as of 2026-03-06T00:00:00Z already; scores as of 2026-03-05"):
        raise_alerts(store, findings(4, {}), POLICY)
    assert len(listed(store)) == 1


def test_a_case_goes_from_open_to_verified_and_its_history_tells_each_step(store: Store) -> None:
    alert = raised(store)
    for number, what in enumerate(("acknowledge", "start", "resolve")):
        move_alert(store, alert, move(what, f"e{number}", note=f"note {number}"), AT)
    raise_alerts(store, findings(7, {}), POLICY)
    assert history(store, alert) == ["raised", "acknowledge", "start", "resolve", "calm", "verified"]
    assert listed(store) == []
    [closed] = listed(store, AlertFilters(status="verified"))
    assert (closed["closed_at"], closed["value"]) == ("2026-03-08T00:00:00Z", 0.0)


def test_a_case_that_is_no_better_is_not_verified_by_anybody(store: Store) -> None:
    alert = raised(store)
    for number, what in enumerate(("acknowledge", "start", "resolve")):
        move_alert(store, alert, move(what, f"e{number}"), AT)
    with pytest.raises(AlertError, match="cannot be verified: what it warns of is still beyond its threshold"):
        move_alert(store, alert, move("verify", "e9"), AT)
    raise_alerts(store, findings(7, {COMPLAINT: 2}), POLICY)
    assert history(store, alert)[-2:] == ["eased", "not_better"]
    assert listed(store)[0]["status"] == "in_work"


def test_who_sees_that_it_is_better_can_verify_it(store: Store) -> None:
    alert = raised(store)
    raise_alerts(store, findings(1, {}), POLICY)
    for number, what in enumerate(("acknowledge", "start", "resolve", "verify")):
        answer = move_alert(store, alert, move(what, f"e{number}"), AT)
    assert AlertAnswer.model_validate_json(answer).alert.status == "verified"


@pytest.mark.parametrize("what", ["start", "resolve", "verify"])
def test_a_step_that_was_skipped_is_refused_and_what_is_possible_is_said(store: Store, what: str) -> None:
    alert = raised(store)
    with pytest.raises(AlertError, match=r"the state 'Open'\. Possible now: Acknowledge, Assign, Add a note") as caught:
        move_alert(store, alert, move(what, "e1"), AT)
    assert "现在可以：确认、分派、添加备注" in caught.value.text.zh
    assert history(store, alert) == ["raised"]


def test_an_event_counts_once_however_often_it_is_sent(store: Store) -> None:
    alert = raised(store)
    first = move_alert(store, alert, move("acknowledge", "e1", note="will call"), AT)
    assert move_alert(store, alert, move("acknowledge", "e1", note="will call"), AT + timedelta(hours=1)) == first
    with pytest.raises(AlertError, match="'e1' was used for another event already"):
        move_alert(store, alert, move("start", "e1"), AT)
    assert history(store, alert) == ["raised", "acknowledge"]


def test_who_was_assigned_stays_the_owner_when_the_next_run_comes(store: Store) -> None:
    alert = raised(store)
    move_alert(store, alert, move("assign", "e1", owner="Jonas"), AT)
    raise_alerts(store, findings(1, {COMPLAINT: 3}, owner="Katrin"), POLICY)
    assert listed(store, AlertFilters(owner="Jonas"))[0]["status"] == "open"
    assert listed(store, AlertFilters(owner="")) == []
    for wrong in (move("assign", "e2"), move("note", "e3", owner="Jonas")):
        with pytest.raises(AlertError, match="An owner goes with 'assign'"):
            move_alert(store, alert, wrong, AT)


def test_nobody_looks_after_a_case_of_a_customer_without_account_manager(store: Store) -> None:
    raise_alerts(store, findings(0, {COMPLAINT: 3}, owner=None), POLICY)
    assert [case["owner"] for case in listed(store, AlertFilters(owner=""))] == [None]


def test_a_cause_that_comes_back_in_time_goes_on_as_the_same_case_and_later_as_a_new_one(store: Store) -> None:
    alert = raised(store)
    for day in (1, 15):
        raise_alerts(store, findings(day, {}), POLICY)
    assert history(store, alert) == ["raised", "calm", "expired"]
    raise_alerts(store, findings(75, {COMPLAINT: 2}), POLICY)
    assert [case["alert_id"] for case in listed(store)] == [alert]
    assert history(store, alert)[-1] == "reopened"
    for day in (80, 94):
        raise_alerts(store, findings(day, {}), POLICY)
    raise_alerts(store, findings(155, {COMPLAINT: 1}), POLICY)
    [again] = listed(store)
    assert again["alert_id"] != alert
    assert history(store, again["alert_id"]) == ["raised"]


def test_a_customer_who_is_not_in_the_run_is_not_called_better(store: Store) -> None:
    alert = raised(store)
    run = findings(1, {})
    kept = run.graded.customers != "C-1"
    graded = type(run.graded)(
        run.graded.customers[kept], run.graded.kinds, run.graded.ranks[kept], run.graded.values[kept]
    )
    raise_alerts(store, type(run)(run.run_id, run.as_of, graded, run.found), POLICY)
    assert history(store, alert) == ["raised", "unknown"]


def test_an_unknown_case_is_said_to_be_unknown(store: Store) -> None:
    with pytest.raises(NotFoundError, match="There is no warning 'none'"):
        move_alert(store, "none", move("note", "e1"), AT)


@pytest.mark.parametrize(
    "statement", ["UPDATE alert_events SET note = 'x'", "DELETE FROM alert_events", "DELETE FROM alerts"]
)
def test_the_database_itself_refuses_to_change_history(store: Store, statement: str) -> None:
    raised(store)
    with pytest.raises(IntegrityError, match=r"append-only|never removed"), store.writer.begin() as connection:
        connection.exec_driver_sql(statement)


def test_the_database_itself_refuses_a_second_live_case(store: Store) -> None:
    raised(store)
    copied = (
        "INSERT INTO alerts (number, alert_id, customer_id, kind, rank, status, level, judged, trend, opened_at, as_of, trend_since,"
        " said, body) SELECT 99, 'other', customer_id, kind, rank, status, level, judged, trend, opened_at, as_of, trend_since,"
        " said, body FROM alerts"
    )
    with pytest.raises(IntegrityError, match=r"UNIQUE|alerts_one_live_case"), store.writer.begin() as connection:
        connection.exec_driver_sql(copied)


def test_bodies_are_what_the_contract_says(store: Store) -> None:
    alert = raised(store)
    answer = move_alert(store, alert, move("acknowledge", "e1"), AT)
    checked = AlertAnswer.model_validate_json(answer)
    assert [event.by for event in checked.history] == ["retinue", "Miriam"]
    assert list(orjson.loads(answer)["alert"]) == list(type(checked.alert).model_fields)


KILLED = """
import os, signal
from serving.alerts import cases
from serving.store import open_store
from tests.serving.alerts.cases import POLICY, findings
from tests.serving.store.places import read

def killed(*_):  # the last statement before the transaction ends
    os.kill(os.getpid(), signal.SIGKILL)

cases.stored.insert_run = killed
cases.raise_alerts(open_store(read({place!r})), findings(1, {{("C-1", "open_complaint"): 1, ("C-2", "churn_risk"): 2}}), POLICY)
"""


def test_a_run_that_is_killed_leaves_everything_as_it_was_and_can_be_repeated(store: Store) -> None:
    alert = raised(store)
    before = listed(store)
    code = KILLED.format(place=written(store.place))
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (listed(store), history(store, alert)) == (before, ["raised"])
    raise_alerts(store, findings(1, {COMPLAINT: 1, RISK: 2}), POLICY)
    assert history(store, alert) == ["raised", "eased"]
    assert len(listed(store)) == 2
