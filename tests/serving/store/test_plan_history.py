"""Plans that are kept, withdrawn, and whom they chose: a history that only grows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from features.errors import NotFoundError
from serving.action_schemas import ActionEntry
from serving.store import (
    Entry,
    PlanFilters,
    PlanInUseError,
    Store,
    chosen_in,
    contact_of,
    held_plan,
    list_contacts,
    log_actions,
    open_store,
    reading,
    store_plan,
    withdraw_plan,
    would_have_been,
)
from serving.store.plan_history import PLAN_WITHDRAWALS
from serving.store.plans import KEPT_PLANS, PLANS
from tests.serving.store.plan_rows import chosen

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
MADE_AT = AS_OF + timedelta(hours=12)
LATER = MADE_AT + timedelta(hours=2)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "retinue.db")
    yield store
    store.close()


def make(store: Store, plan_id: str, *customers: str, rows: tuple[dict[str, Any], ...] = ()) -> None:
    """A plan of a call for each customer, of two calls at once for the last one."""
    items = [
        {
            "place": place,
            "customer_id": customer,
            "account_manager": None,
            "action": "call",
            "accompanying_action": "reminder",
            "team": None,
            "channel": "phone",
            "expected_profit": 10.0,
        }
        for place, customer in enumerate(customers, start=1)
    ]
    store_plan(
        store, plan_id, "2026-03-31T00:00:00Z", orjson.dumps({"plan_id": plan_id, "made_at": MADE_AT}), items, rows
    )


def held(connection: Connection) -> tuple[str, list[str]] | None:
    plan = held_plan(connection)
    if plan is None:
        return None
    bodies = list_contacts(connection, plan, PlanFilters(), 0, 10).bodies
    return plan.plan_id, [orjson.loads(body)["customer_id"] for body in bodies]


def log(
    store: Store,
    customer: str,
    action: str = "call",
    arm: str = "treated",
    at: datetime = LATER,
    received: datetime = LATER,
) -> None:
    entry = ActionEntry.model_validate({"customer_id": customer, "at": at, "action": action, "arm": arm})
    log_actions(store, [Entry(entry.id, customer, entry.at, None, entry.body())], received)


def test_a_plan_that_is_withdrawn_gives_way_to_the_one_before_and_that_stays_on_file(store: Store) -> None:
    make(store, "p1", "a", "b")
    make(store, "p2", "b")
    withdrawn, before = withdraw_plan(store, LATER, "Ada")
    assert (withdrawn.plan_id, before.plan_id if before else None) == ("p2", "p1")
    with reading(store) as connection:
        assert held(connection) == ("p1", ["a", "b"])
        assert contact_of(connection, before, "a") is not None if before else False
        asked = select(PLAN_WITHDRAWALS.c["plan_id", "withdrawn_at", "made_by", "body"])
        [(plan_id, at, by, body)] = connection.execute(asked).all()
    assert (plan_id, datetime.fromisoformat(at), by) == ("p2", LATER, "Ada")
    assert orjson.loads(body)["plan_id"] == "p2"
    assert withdraw_plan(store, LATER, "Ada")[1] is None
    with reading(store) as connection:
        assert held(connection) is None
    with pytest.raises(NotFoundError, match="There is no plan to withdraw"):
        withdraw_plan(store, LATER, "Ada")


def test_a_plan_that_is_made_again_after_it_was_withdrawn_holds_again(opened: Store) -> None:
    for plan_id in ("p1", "p2"):
        make(opened, plan_id, plan_id)
    withdraw_plan(opened, LATER, "Ada")
    make(opened, "p2", "p2")
    with reading(opened) as connection:
        assert held(connection) == ("p2", ["p2"])
    assert withdraw_plan(opened, LATER, "Ada")[1] is not None


def test_so_many_plans_are_kept_and_the_same_one_counts_once(opened: Store) -> None:
    for number in [1, 2, 2, 3, 4, 4, 3]:
        make(opened, f"p{number}", "a")
    with reading(opened) as connection:
        kept = list(connection.scalars(select(PLANS.c.plan_id).order_by(PLANS.c.number)))
    assert kept == ["p2", "p4", "p3"]
    assert len(kept) == KEPT_PLANS


@pytest.mark.parametrize("action", ["call", "reminder"])
def test_a_plan_of_which_something_was_done_stays(store: Store, action: str) -> None:
    make(store, "p1", "a", "b")
    make(store, "p2", "a", "b")
    log(store, "b", action)
    with pytest.raises(PlanInUseError, match="for 1 of its customers an action is logged as done") as refused:
        withdraw_plan(store, LATER, "Ada")
    assert "1 位客户" in refused.value.text.zh
    with reading(store) as connection:
        assert held(connection) == ("p2", ["a", "b"])
        assert connection.execute(select(PLAN_WITHDRAWALS)).all() == []


@pytest.mark.parametrize(
    "entry",
    [
        {"arm": "withheld"},
        {"arm": "control"},
        {"action": "visit"},
        {"customer": "c"},
        {"received": MADE_AT - timedelta(seconds=1)},
        {"at": AS_OF - timedelta(days=1)},
    ],
)
def test_what_is_none_of_the_plans_doing_does_not_keep_it(opened: Store, entry: dict[str, Any]) -> None:
    make(opened, "p1", "a")
    log(opened, **{"customer": "a"} | entry)
    assert withdraw_plan(opened, LATER, "Ada")[0].plan_id == "p1"


def ids(store: Store, campaign: str = "spring") -> list[str]:
    with reading(store) as connection:
        return [one.customer_id for one in chosen_in(connection, campaign)]


def test_whom_a_plan_chose_is_kept_once_and_of_plans_of_one_instant_the_last_counts(opened: Store) -> None:
    earlier = chosen("p0", "x", "2026-03-24T00:00:00+00:00")
    make(opened, "p0", rows=(earlier,))
    for _ in range(2):
        make(opened, "p1", rows=(chosen("p1", "a"), chosen("p1", "b")))
    assert ids(opened) == ["x", "a", "b"]
    make(opened, "p2", rows=(chosen("p2", "b"), chosen("p2", "c", arm="treated")))
    assert ids(opened) == ["x", "b", "c"]
    assert ids(opened, "autumn") == []
    with reading(opened) as connection:
        found = would_have_been(connection, "control", AS_OF - timedelta(days=7), AS_OF)
        assert [one.customer_id for one in found] == ["x"]


def test_a_withdrawn_plan_chose_nobody_and_made_again_it_chose_them_after_all(opened: Store) -> None:
    make(opened, "p1", rows=(chosen("p1", "a"),))
    make(opened, "p2", rows=(chosen("p2", "b"),))
    withdraw_plan(opened, LATER, "Ada")
    assert ids(opened) == ["a"]
    again = (LATER + timedelta(hours=1)).isoformat()
    make(opened, "p2", rows=(chosen("p2", "b", made_at=again),))
    assert ids(opened) == ["b"]


@pytest.mark.parametrize("table", ["plan_chosen", "plan_withdrawals"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET plan_id = 'q'", "DELETE FROM {}"])
def test_nobody_changes_the_history(store: Store, table: str, statement: str) -> None:
    make(store, "p1", rows=(chosen("p1", "a"),))
    withdraw_plan(store, LATER, "Ada")
    with pytest.raises(DBAPIError, match="history of plans is append-only"), store.writer.begin() as connection:
        connection.exec_driver_sql(statement.format(table))
