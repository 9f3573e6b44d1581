"""The plan of the period: kept as finished JSON, replaced as a whole, withdrawn, read by filters in the order of money."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
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

from features.errors import NotFoundError, RetinueError
from features.text import Text
from serving.store.database import Store, writing
from serving.store.dialects import insert_rows
from serving.store.log_tables import ACTIONS
from serving.store.plan_history import iso, log_chosen, record_withdrawal
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
KEPT_PLANS = 3
"""So many plans are kept: the one that holds, and those that hold again when it is withdrawn."""


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


class PlanInUseError(RetinueError):
    """A plan cannot be withdrawn, because something of it was done."""


def store_plan(
    store: Store,
    plan_id: str,
    as_of: str,
    summary: bytes,
    items: Iterable[Mapping[str, Any]],
    chosen: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Make this the plan that holds, in one transaction; of those before, KEPT_PLANS − 1 stay, to be withdrawn to.

    ``chosen`` has a row of `plan_history.Chosen` for each customer who is logged as chosen. The same ``plan_id`` again changes
    nothing else.
    """
    with writing(store) as connection:
        older = connection.execute(select(PLANS.c.number, PLANS.c.plan_id).order_by(PLANS.c.number.desc())).all()
        others = [row.number for row in older if row.plan_id != plan_id]
        _remove(connection, [row.number for row in older if row.plan_id == plan_id] + others[KEPT_PLANS - 1 :])
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
        log_chosen(connection, plan_id, chosen)


def withdraw_plan(store: Store, at: datetime, by: str) -> tuple[StoredPlan, StoredPlan | None]:
    """Withdraw the plan that holds, in one transaction: the one before holds again, or none. Gives both.

    That it was withdrawn stays on file, with its summary, ``at`` and ``by`` whom. Raises NotFoundError: there is no plan.
    PlanInUseError: an action of it was logged as done since it was made.
    """
    with writing(store) as connection:
        plan = held_plan(connection)
        if plan is None:
            raise NotFoundError(_NONE)
        if done := _done(connection, plan):
            raise PlanInUseError(_IN_USE, plan=plan.plan_id, done=done)
        record_withdrawal(connection, plan[1:], at, by)
        _remove(connection, [plan.number])
        return plan, held_plan(connection)


def _remove(connection: Connection, numbers: list[int]) -> None:
    connection.execute(delete(PLAN_ITEMS).where(PLAN_ITEMS.c.plan.in_(numbers)))
    connection.execute(delete(PLANS).where(PLANS.c.number.in_(numbers)))


def _done(connection: Connection, plan: StoredPlan) -> int:
    """How many customers got an action of the plan, by what was logged since it was made."""
    asked = (
        select(PLAN_ITEMS.c.customer_id, PLAN_ITEMS.c.body, ACTIONS.c.body.label("entry"))
        .join(ACTIONS, ACTIONS.c.customer_id == PLAN_ITEMS.c.customer_id)
        .where(PLAN_ITEMS.c.plan == plan.number, ACTIONS.c.received_at >= iso(_made_at(plan)))
    )
    done = set()
    for customer, body, entry in connection.execute(asked):
        planned, logged = orjson.loads(body), orjson.loads(entry)
        of_plan = logged["action"] in (planned["action"], planned["accompanying_action"])
        if of_plan and logged["arm"] == "treated" and _instant(logged["at"]) >= _instant(plan.as_of):
            done.add(customer)
    return len(done)


def _made_at(plan: StoredPlan) -> datetime:
    return _instant(orjson.loads(plan.body)["made_at"])


def _instant(said: str) -> datetime:
    return datetime.fromisoformat(said)


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


_NONE = Text(
    "There is no plan to withdraw. Make one with 'retinue plan'.", "没有可撤回的计划。请用“retinue plan”制定计划。"
)
_IN_USE = Text(
    "The plan {plan} is under way: for {done:,} of its customers an action is logged as done. It was not withdrawn. Make a new"
    " plan from new scores instead; who was contacted is left alone there.",
    "计划 {plan} 已在执行：其中 {done:,} 位客户的行动已记录为完成，未撤回。请根据新的评分重新制定计划，已联系的客户不会再被打扰。",
)
