"""Cases of warnings in the store: what is asked of them, and how they are written; their history only grows."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import pandas as pd
from sqlalchemy import Connection, RowMapping, bindparam, func, insert, or_, select, tuple_, update

from serving.store.alert_tables import ALERT_EVENTS, ALERT_RUNS, ALERTS
from serving.store.dialects import insert_rows
from serving.store.queries import customers_of

_ROWS_AT_ONCE = 2_000


class AlertFilters(NamedTuple):
    """Which cases a list holds; None means all. Without a ``status`` only live ones are listed. ``owner`` "" is nobody.

    ``account_manager`` is whose customer it is now, whoever looks after the case.
    """

    rank: int | None = None
    kind: str | None = None
    owner: str | None = None
    status: str | None = None
    customer_id: str | None = None
    account_manager: str | None = None


class AlertPosition(NamedTuple):
    """The last row of a page: its colour's rank and the number of the case."""

    rank: int
    number: int


class AlertList(NamedTuple):
    """One page: bodies, and where the next begins after (None at the end)."""

    bodies: list[bytes]
    last: AlertPosition | None


class LastRun(NamedTuple):
    """The run that was looked at with the latest instant."""

    run_id: str
    as_of: str


def last_run(connection: Connection) -> LastRun | None:
    """The latest run that was looked at; None: none was."""
    asked = select(ALERT_RUNS.c.run_id, ALERT_RUNS.c.as_of).order_by(ALERT_RUNS.c.as_of.desc()).limit(1)
    row = connection.execute(asked).first()
    return LastRun(*row) if row else None


def counts_of_run(connection: Connection, run_id: str) -> dict[str, int] | None:
    """How often each event happened in a run that was looked at; None: it was not."""
    found = connection.scalar(select(ALERT_RUNS.c.counts).where(ALERT_RUNS.c.run_id == run_id))
    return None if found is None else dict(orjson.loads(found))


def cases_since(connection: Connection, closed_since: str) -> pd.DataFrame:
    """All live cases, and of each customer and kind without one the last that was closed at that instant or later."""
    asked = select(*(c for c in ALERTS.c if c.name != "body")).order_by(ALERTS.c.number)
    asked = asked.where(or_(ALERTS.c.closed_at.is_(None), ALERTS.c.closed_at >= closed_since))
    rows = connection.execute(asked)
    frame = pd.DataFrame(rows.all(), columns=list(rows.keys()), dtype="object")
    live_last = frame.assign(is_live=frame["closed_at"].isna()).sort_values(["is_live", "number"])
    return live_last.drop_duplicates(["customer_id", "kind"], keep="last").drop(columns="is_live")


def next_number(connection: Connection) -> int:
    """A number for the next case; cases are never removed."""
    return 1 + (connection.scalar(select(func.max(ALERTS.c.number))) or 0)


def insert_cases(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert new cases, each with all columns."""
    for part in batched_rows(rows):
        insert_rows(connection, ALERTS, part)


def update_cases(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the state of cases, found by their number, anew."""
    fixed = ("number", "alert_id", "customer_id", "kind")
    columns = [c.name for c in ALERTS.c if c.name not in fixed]
    changed = update(ALERTS).where(ALERTS.c.number == bindparam("the_number"))
    changed = changed.values({name: bindparam(f"new_{name}") for name in columns})
    renamed = ({"the_number": row["number"], **{f"new_{name}": row[name] for name in columns}} for row in rows)
    for part in batched_rows(renamed):
        connection.execute(changed, part)


def insert_events(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add entries to histories."""
    for part in batched_rows(rows):
        insert_rows(connection, ALERT_EVENTS, part)


def insert_run(connection: Connection, run_id: str, as_of: str, counts: dict[str, int]) -> None:
    """Remember that a run was looked at."""
    connection.execute(insert(ALERT_RUNS).values(run_id=run_id, as_of=as_of, counts=orjson.dumps(counts).decode()))


def batched_rows(rows: Iterable[Mapping[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    """Rows in parts that one statement takes."""
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(dict(row))
        if len(part) == _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def find_case(connection: Connection, alert_id: str) -> dict[str, Any] | None:
    """A case with all columns; None: there is none of this id."""
    row = connection.execute(select(ALERTS).where(ALERTS.c.alert_id == alert_id)).mappings().first()
    return None if row is None else {str(name): value for name, value in row.items()}


def find_event(connection: Connection, event_id: str) -> RowMapping | None:
    """An entry of any history; None: there is none of this id."""
    return connection.execute(select(ALERT_EVENTS).where(ALERT_EVENTS.c.event_id == event_id)).mappings().first()


def history_of(connection: Connection, number: int) -> list[RowMapping]:
    """The history of a case, the oldest entry first."""
    asked = select(ALERT_EVENTS).where(ALERT_EVENTS.c.alert == number).order_by(ALERT_EVENTS.c.number)
    return list(connection.execute(asked).mappings())


def list_cases(connection: Connection, filters: AlertFilters, after: AlertPosition | None, limit: int) -> AlertList:
    """The next ``limit`` cases, the gravest first and of these the newest."""
    pair = tuple_(ALERTS.c.rank, ALERTS.c.number)
    asked = _matching(select(ALERTS.c.body, ALERTS.c.rank, ALERTS.c.number), filters)
    if after is not None:
        asked = asked.where(pair < tuple(after))
    rows = connection.execute(asked.order_by(ALERTS.c.rank.desc(), ALERTS.c.number.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    last = AlertPosition(shown[-1].rank, shown[-1].number) if len(rows) > limit else None
    return AlertList([row.body for row in shown], last)


def count_cases(connection: Connection, filters: AlertFilters) -> dict[int, int]:
    """How many cases pass the filters, by the rank of their colour."""
    asked = _matching(select(ALERTS.c.rank, func.count()), filters).group_by(ALERTS.c.rank)
    return {int(row[0]): int(row[1]) for row in connection.execute(asked)}


def owners(connection: Connection, account_manager: str | None = None) -> list[str]:
    """Everybody who looks after a live case, or after one of this account manager's customers."""
    asked = select(ALERTS.c.owner).where(ALERTS.c.closed_at.is_(None), ALERTS.c.owner.is_not(None))
    if account_manager is not None:
        asked = asked.where(ALERTS.c.customer_id.in_(customers_of(account_manager)))
    return list(connection.scalars(asked.distinct().order_by(ALERTS.c.owner)))


def _matching(asked: Any, filters: AlertFilters) -> Any:
    for name in ("rank", "kind", "status", "customer_id"):
        if (value := getattr(filters, name)) is not None:
            asked = asked.where(ALERTS.c[name] == value)
    if filters.account_manager is not None:
        asked = asked.where(ALERTS.c.customer_id.in_(customers_of(filters.account_manager)))
    if filters.owner is not None:
        asked = asked.where(ALERTS.c.owner == filters.owner if filters.owner else ALERTS.c.owner.is_(None))
    return asked if filters.status is not None else asked.where(ALERTS.c.closed_at.is_(None))
