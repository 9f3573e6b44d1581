"""The tables of warnings: cases, their history, and the runs that were looked at.

Triggers in the database refuse to remove a case, and to change or remove what stands in a history.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from serving.store.tables import METADATA, NAME

ALERTS = Table(
    "alerts",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", NAME, nullable=False, unique=True),
    Column("customer_id", NAME, nullable=False),
    Column("kind", NAME, nullable=False),
    Column("rank", Integer, nullable=False),  # 1 yellow, 2 orange, 3 red: the last colour
    Column("status", NAME, nullable=False),
    Column("owner", NAME),
    Column("level", Integer, nullable=False),
    Column("judged", Integer, nullable=False),  # 1: the last run could tell; 0: it could not
    Column("value", Float),
    Column("trend", NAME, nullable=False),
    # instants: ISO 8601, UTC; those of the runs that were looked at
    Column("opened_at", NAME, nullable=False),
    Column("as_of", NAME, nullable=False),
    Column("red_since", NAME),
    Column("calm_since", NAME),
    Column("resolved_as_of", NAME),
    Column("closed_at", NAME),
    Column("trend_since", NAME, nullable=False),
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
    Column("event_id", NAME, nullable=False, unique=True),
    Column("alert", ForeignKey("alerts.number"), nullable=False),
    Column("at", NAME, nullable=False),
    Column("made_by", NAME, nullable=False),
    Column("what", NAME, nullable=False),
    Column("status", NAME, nullable=False),  # after it
    Column("rank", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("owner", NAME),
    Column("value", Float),
    Column("note", Text),
    sqlite_autoincrement=True,
)

Index("alert_events_of_alert", ALERT_EVENTS.c.alert, ALERT_EVENTS.c.number)

ALERT_RUNS = Table(
    "alert_runs",
    METADATA,
    Column("run_id", NAME, primary_key=True),
    Column("as_of", NAME, nullable=False),
    Column("counts", Text, nullable=False),  # JSON: how often each event happened
)
"""Runs that were looked at; the same run again changes nothing."""
