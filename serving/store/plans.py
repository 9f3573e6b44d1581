"""The plan of the period: kept as finished JSON, replaced as a whole, read by filters in the order of money."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    delete,
    insert,
    select,
)

from serving.store.database import Store, writing
from serving.store.dialects import insert_rows
from serving.store.queries import customers_of
from serving.store.tables import METADATA, NAME, NUMBER

PLANS = Table(
    "plans",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("plan_id", NAME, nullable=False, unique=True),
    Column("as_of", NAME, nullable=False),  # ISO 8601, UTC
    Column("body", LargeBinary, nullable=False),  # the PlanSummary as finished JSON
    sqlite_autoincrement=True,
)

PLAN_ITEMS = Table(
    "plan_items",
    METADATA,
    Column("plan", ForeignKey("plans.number"), primary_key=True),
    Column("place", NUMBER, primary_key=True),
    Column("customer_id", NAME, nullable=False),
    Column("account_manager", NAME),
    Column("action", NAME, nullable=False),
    Column("team", NAME),
    Column("channel", NAME, nullable=False),
    Column("expected_profit", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the PlanItem as finished JSON
)
"""Contacts of a plan; ``place`` is 1 for the most profitable one."""

Index("plan_items_by_customer", PLAN_ITEMS.c.plan, PLAN_ITEMS.c.customer_id)

_KEPT = ("place", "customer_id", "account_manager", "action", "team", "channel", "expected_profit")
_ROWS_AT_ONCE = 2_000


class PlanFilters(NamedTuple):
    """Which contacts a list holds; None means all."""

    action: str | None = None
    team: str | None = None
    channel: str | None = None
    account_manager: str | None = None


class StoredPlan(NamedTuple):
    """The plan that holds: its number in the store, its id, its instant (ISO 8601), and its summary as JSON."""

    number: int
    plan_id: str
    as_of: str
    body: bytes


class PlanList(NamedTuple):
    """One page: bodies, and the place after which the next begins (None at the end)."""

    bodies: list[bytes]
    last: int | None


def store_plan(store: Store, plan_id: str, as_of: str, summary: bytes, items: Iterable[Mapping[str, Any]]) -> None:
    """Make this the plan that holds, in one transaction; the one before goes. The same ``plan_id`` again changes nothing else."""
    with writing(store) as connection:
        connection.execute(delete(PLAN_ITEMS))
        connection.execute(delete(PLANS))
        inserted = connection.execute(
            insert(PLANS).values(plan_id=plan_id, as_of=as_of, body=summary)
        ).inserted_primary_key
        assert inserted is not None
        rows = [
            {
                "plan": inserted[0],
                **{name: item[name] for name in _KEPT},
                "body": orjson.dumps(item, option=orjson.OPT_UTC_Z),
            }
            for item in items
        ]
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            insert_rows(connection, PLAN_ITEMS, rows[begin : begin + _ROWS_AT_ONCE])


def held_plan(connection: Connection) -> StoredPlan | None:
    """The plan that holds, or None where none was made yet."""
    row = connection.execute(select(PLANS).order_by(PLANS.c.number.desc()).limit(1)).first()
    return StoredPlan(*row) if row else None


def list_contacts(
    connection: Connection, plan: StoredPlan, filters: PlanFilters, after: int, limit: int, own: str | None = None
) -> PlanList:
    """Contacts of the plan in the order of money, those after place ``after``.

    With ``own`` only customers whom this account manager looks after now, whoever did when the plan was made.
    """
    wanted = [PLAN_ITEMS.c[name] == value for name, value in filters._asdict().items() if value is not None]
    if own is not None:
        wanted.append(PLAN_ITEMS.c.customer_id.in_(customers_of(own)))
    query = (
        select(PLAN_ITEMS.c.place, PLAN_ITEMS.c.body)
        .where(PLAN_ITEMS.c.plan == plan.number, PLAN_ITEMS.c.place > after, *wanted)
        .order_by(PLAN_ITEMS.c.place)
        .limit(limit + 1)
    )
    rows = connection.execute(query).all()
    page = rows[:limit]
    return PlanList([row.body for row in page], page[-1].place if len(rows) > limit else None)


def plan_words(connection: Connection, plan: StoredPlan, name: str, own: str | None = None) -> list[str]:
    """What stands in one column (account_manager or team) of the plan's contacts, each once, in order.

    With ``own`` only of customers whom this account manager looks after now.
    """
    column = PLAN_ITEMS.c[name]
    found = select(column).where(PLAN_ITEMS.c.plan == plan.number, column.is_not(None)).distinct().order_by(column)
    if own is not None:
        found = found.where(PLAN_ITEMS.c.customer_id.in_(customers_of(own)))
    return list(connection.scalars(found))


def contact_of(connection: Connection, plan: StoredPlan, customer_id: str) -> bytes | None:
    """What the plan holds for one customer, as JSON; None: nothing."""
    query = select(PLAN_ITEMS.c.body).where(PLAN_ITEMS.c.plan == plan.number, PLAN_ITEMS.c.customer_id == customer_id)
    body: bytes | None = connection.scalar(query)
    return body
