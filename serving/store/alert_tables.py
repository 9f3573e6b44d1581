"""The tables of warnings: cases, their history, and the runs that were looked at."""

from typing import Any

from sqlalchemy import DDL, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, event

from serving.store.tables import METADATA

ALERTS = Table(
    "alerts",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", String, nullable=False, unique=True),
    Column("customer_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("rank", Integer, nullable=False),  # 1 yellow, 2 orange, 3 red: the last colour
    Column("status", String, nullable=False),
    Column("owner", String),
    Column("level", Integer, nullable=False),
    Column("judged", Integer, nullable=False),  # 1: the last run could tell; 0: it could not
    Column("value", Float),
    Column("trend", String, nullable=False),
    # instants: ISO 8601, UTC; those of the runs that were looked at
    Column("opened_at", String, nullable=False),
    Column("as_of", String, nullable=False),
    Column("red_since", String),
    Column("calm_since", String),
    Column("resolved_as_of", String),
    Column("closed_at", String),
    Column("trend_since", String, nullable=False),
    Column("said", Text, nullable=False),  # JSON: name of the customer, cause, proposal
    Column("body", LargeBinary, nullable=False),  # the AlertCase as finished JSON
    sqlite_autoincrement=True,
)

ONE_LIVE = Index(
    "alerts_one_live_case",
    ALERTS.c.customer_id,
    ALERTS.c.kind,
    unique=True,
    sqlite_where=ALERTS.c.closed_at.is_(None),
    postgresql_where=ALERTS.c.closed_at.is_(None),
)
"""One live case of each customer and kind: the database itself refuses a second."""

Index("alerts_by_rank", ALERTS.c.rank, ALERTS.c.number)
Index("alerts_of_customer", ALERTS.c.customer_id, ALERTS.c.kind)

ALERT_EVENTS = Table(
    "alert_events",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("alert", ForeignKey("alerts.number"), nullable=False),
    Column("at", String, nullable=False),
    Column("made_by", String, nullable=False),
    Column("what", String, nullable=False),
    Column("status", String, nullable=False),  # after it
    Column("rank", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("owner", String),
    Column("value", Float),
    Column("note", Text),
    sqlite_autoincrement=True,
)

Index("alert_events_of_alert", ALERT_EVENTS.c.alert, ALERT_EVENTS.c.number)

ALERT_RUNS = Table(
    "alert_runs",
    METADATA,
    Column("run_id", String, primary_key=True),
    Column("as_of", String, nullable=False),
    Column("counts", Text, nullable=False),  # JSON: how often each event happened
)
"""Runs that were looked at; the same run again changes nothing."""


def _ddl(sql: str) -> Any:
    """A statement for SQLite alone, run when its table is made."""
    made: Any = DDL
    return made(sql).execute_if(dialect="sqlite")


for _action in ("UPDATE", "DELETE"):
    event.listen(
        ALERT_EVENTS,
        "after_create",
        _ddl(
            f"CREATE TRIGGER IF NOT EXISTS alert_events_no_{_action.lower()} BEFORE {_action} ON alert_events"
            " BEGIN SELECT RAISE(ABORT, 'the history of alerts is append-only'); END"
        ),
    )
event.listen(
    ALERTS,
    "after_create",
    _ddl(
        "CREATE TRIGGER IF NOT EXISTS alerts_no_delete BEFORE DELETE ON alerts"
        " BEGIN SELECT RAISE(ABORT, 'cases are closed, never removed'); END"
    ),
)
