"""What stays of plans: whom they chose among treated and controls, and which were withdrawn. Rows are only ever added.

Triggers in the database refuse to change or remove them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Float, Index, LargeBinary, Table, insert, select

from serving.store.dialects import insert_rows
from serving.store.tables import METADATA, NAME, NUMBER

PLAN_CHOSEN = Table(
    "plan_chosen",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("plan_id", NAME, nullable=False),
    Column("campaign", NAME),
    Column("as_of", NAME, nullable=False),  # ISO 8601, UTC, as made_at
    Column("made_at", NAME, nullable=False),
    Column("customer_id", NAME, nullable=False),
    Column("arm", NAME, nullable=False),  # treated: in the plan; control: would have been, had it not been held out
    Column("action", NAME, nullable=False),
    Column("accompanying_action", NAME),
    Column("expected_profit", Float, nullable=False),
    Column("propensity", Float, nullable=False),
    sqlite_autoincrement=True,
)
Index("plan_chosen_by_plan", PLAN_CHOSEN.c.plan_id)
Index("plan_chosen_by_campaign", PLAN_CHOSEN.c.campaign, PLAN_CHOSEN.c.number)
Index("plan_chosen_by_as_of", PLAN_CHOSEN.c.as_of)

PLAN_WITHDRAWALS = Table(
    "plan_withdrawals",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("plan_id", NAME, nullable=False),
    Column("as_of", NAME, nullable=False),
    Column("withdrawn_at", NAME, nullable=False),  # ISO 8601, UTC
    Column("made_by", NAME, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the PlanSummary of the plan as finished JSON
    sqlite_autoincrement=True,
)

_ROWS_AT_ONCE = 2_000
_STANDS = ~(
    select(PLAN_WITHDRAWALS.c.number)
    .where(
        PLAN_WITHDRAWALS.c.plan_id == PLAN_CHOSEN.c.plan_id, PLAN_WITHDRAWALS.c.withdrawn_at >= PLAN_CHOSEN.c.made_at
    )
    .exists()
)
"""The plan was not withdrawn since; a plan that is made again after a withdrawal counts again."""


class Chosen(NamedTuple):
    """Somebody whom a plan chose (arm treated), or would have chosen (control); instants are ISO 8601, UTC."""

    plan_id: str
    campaign: str | None
    as_of: str
    made_at: str
    customer_id: str
    arm: str
    action: str
    accompanying_action: str | None
    expected_profit: float
    propensity: float


def iso(instant: datetime) -> str:
    """The instant as this history keeps it: texts that sort as instants do."""
    return instant.astimezone(UTC).isoformat()


def log_chosen(connection: Connection, plan_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add whom a plan chose, unless the same plan stands there already."""
    known = select(PLAN_CHOSEN.c.number).where(PLAN_CHOSEN.c.plan_id == plan_id, _STANDS).limit(1)
    if connection.scalar(known) is not None:
        return
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        insert_rows(connection, PLAN_CHOSEN, rows[begin : begin + _ROWS_AT_ONCE])


def chosen_in(connection: Connection, campaign: str) -> list[Chosen]:
    """Whom the plans of a campaign chose, as they were made; of plans as of the same instant only the last, none withdrawn."""
    return _read(connection, PLAN_CHOSEN.c.campaign == campaign)


def would_have_been(connection: Connection, arm: str, begin: datetime, end: datetime) -> list[Chosen]:
    """Those of one arm that plans as of [begin, end) chose."""
    within = PLAN_CHOSEN.c.as_of >= iso(begin), PLAN_CHOSEN.c.as_of < iso(end)
    return _read(connection, PLAN_CHOSEN.c.arm == arm, *within)


def record_withdrawal(connection: Connection, plan: tuple[str, str, bytes], at: datetime, by: str) -> None:
    """Write down that a plan (its id, as_of and summary) was withdrawn, by whom."""
    row = dict(zip(("plan_id", "as_of", "body"), plan, strict=True))
    connection.execute(insert(PLAN_WITHDRAWALS).values(**row, withdrawn_at=iso(at), made_by=by))


def _read(connection: Connection, *asked: ColumnElement[bool]) -> list[Chosen]:
    columns = [PLAN_CHOSEN.c[name] for name in Chosen._fields]
    rows = [
        Chosen(*row)
        for row in connection.execute(select(*columns).where(_STANDS, *asked).order_by(PLAN_CHOSEN.c.number))
    ]
    last = {row.as_of: row.plan_id for row in rows}
    return [row for row in rows if last[row.as_of] == row.plan_id]
