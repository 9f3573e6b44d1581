"""All questions that are asked of the store. Customers come as finished JSON, the bytes that were published."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    SelectBase,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from serving.schemas import PublishedRun, RunSummary
from serving.store.dialects import is_one_of
from serving.store.tables import CURRENT, RESCORED, RUNS, SCORES


class Published(NamedTuple):
    """What an answer tells of the run that it comes from: the instant it speaks for, and what names just this publication."""

    as_of: datetime
    tag: str


class Stored(NamedTuple):
    """One customer's finished JSON and where it comes from."""

    body: bytes
    published: Published


class Found(NamedTuple):
    """Customers' finished JSON by id, those that there are, and where it comes from."""

    bodies: dict[str, bytes]
    published: Published


class Filters(NamedTuple):
    """Which customers a list holds; None means all. ``search`` is the start of an id or, unless ``ids_only``, a part of a name."""

    segment: str | None = None
    churn_band: str | None = None
    action: str | None = None
    tier: str | None = None
    stage: str | None = None
    trajectory: str | None = None
    search: str | None = None
    account_manager: str | None = None
    ids_only: bool = False


class Sort(NamedTuple):
    """What a list is ordered by: one of SORT_COLUMNS. Customers without the value come last either way."""

    column: str
    descending: bool


class Position(NamedTuple):
    """The last row of a page: its value in the sort column, and its customer."""

    value: float | str | None
    customer_id: str


class Page(NamedTuple):
    """One page of a list: bodies, and where the next page begins after (None at the end)."""

    bodies: list[bytes]
    last: Position | None


def current_run(connection: Connection) -> PublishedRun | None:
    """The run that is served now; None when nothing was published."""
    row = connection.execute(select(RUNS).join(CURRENT, CURRENT.c.run == RUNS.c.number)).first()
    return _published(row) if row else None


def _published(row: Row[tuple[object, ...]]) -> PublishedRun:
    return PublishedRun(
        run_id=row.run_id,
        as_of=datetime.fromisoformat(row.as_of),
        published_at=datetime.fromisoformat(row.published_at),
        model_version=row.model_version,
        model_metrics=orjson.loads(row.model_metrics),
        rows=row.rows,
        summary=RunSummary.model_validate_json(row.summary),
    )


def served_publication(connection: Connection) -> Published | None:
    """What answers from the run that is served tell of it; None while none is."""
    row = connection.execute(select(*_RUN).select_from(_SERVED)).first()
    return _publication(*row) if row else None


@lru_cache(maxsize=256)
def _publication(run_id: str, as_of: str, published_at: str, changed: str | None = None) -> Published:
    """From the columns as they are stored; ``changed`` is what events did last. Look-ups ask for the same again and again."""
    tag = sha256(f"{run_id} {published_at} {as_of} {changed}".encode()).hexdigest()[:16]
    return Published(datetime.fromisoformat(as_of), tag)


_CHANGED = select(RESCORED.c.sequence).where(RESCORED.c.run == RUNS.c.number).scalar_subquery()
_RUN = (RUNS.c.run_id, RUNS.c.as_of, RUNS.c.published_at, _CHANGED)
_SERVED = CURRENT.join(RUNS, CURRENT.c.run == RUNS.c.number)
_ONE = (
    select(SCORES.c.body, RUNS.c.run_id, func.coalesce(SCORES.c.rescored_as_of, RUNS.c.as_of), RUNS.c.published_at)
    .select_from(_SERVED.join(SCORES, SCORES.c.run == RUNS.c.number))
    .where(SCORES.c.customer_id == bindparam("customer_id"))
)
_ASKED = func.json_each(bindparam("customer_ids")).table_valued("value")
# The run comes first, in the same statement: what is published meanwhile cannot come between. SCORES is asked for each id by
# its index: from an outer join SQLite cannot turn to reading all scores for each id.
_MANY = union_all(
    select(*_RUN).select_from(_SERVED),
    select(_ASKED.c.value, SCORES.c.body, null(), null()).select_from(
        CURRENT.join(_ASKED, true()).outerjoin(
            SCORES, and_(SCORES.c.run == CURRENT.c.run, SCORES.c.customer_id == _ASKED.c.value)
        )
    ),
)
_ONE_OF = _ONE.where(SCORES.c.account_manager == bindparam("account_manager"))


def find_customer(connection: Connection, customer_id: str, account_manager: str | None = None) -> Stored | None:
    """The customer in the run that is served now; None when there is none of this id, or of this account manager."""
    asked = {"customer_id": customer_id}
    if account_manager is not None:
        rows: Sequence[Sequence[Any]] = connection.execute(_ONE_OF, {**asked, "account_manager": account_manager}).all()
    elif connection.dialect.name == "sqlite":
        rows = _by_driver(connection, _ONE_IN_SQLITE, asked)
    else:
        rows = connection.execute(_ONE, asked).all()
    if not rows:
        return None
    body, *run = rows[0]
    return Stored(body, _publication(*run))


def customers_of(account_manager: str) -> Select[tuple[str]]:
    """The ids of an account manager's customers in the run that is served now."""
    served = select(CURRENT.c.run).scalar_subquery()
    return select(SCORES.c.customer_id).where(SCORES.c.run == served, SCORES.c.account_manager == account_manager)


def find_customers(
    connection: Connection, customer_ids: Sequence[str], account_manager: str | None = None
) -> Found | None:
    """Those of ``customer_ids`` that are in the run that is served now; one statement. None: there is no run.

    With ``account_manager`` only those of this one.
    """
    askable = [customer_id for customer_id in customer_ids if "\0" not in customer_id]  # SQLite's JSON ends at a NUL
    if connection.dialect.name == "sqlite" and account_manager is None:
        rows = _by_driver(connection, _MANY_IN_SQLITE, {"customer_ids": orjson.dumps(askable).decode()})
        run, rows = rows[:1], rows[1:]
    else:
        among = and_(SCORES.c.run == CURRENT.c.run, is_one_of(connection, SCORES.c.customer_id, askable))
        if account_manager is not None:
            among = and_(among, SCORES.c.account_manager == account_manager)
        found = select(SCORES.c.customer_id, SCORES.c.body, *_RUN).select_from(_SERVED.outerjoin(SCORES, among))
        rows = connection.execute(found).all()
        run = [row[2:] for row in rows[:1]]
    if not run:
        return None
    return Found({row[0]: row[1] for row in rows if row[1] is not None}, _publication(*run[0]))


def _in_sqlite(statement: SelectBase) -> str:
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))


_ONE_IN_SQLITE, _MANY_IN_SQLITE = _in_sqlite(_ONE), _in_sqlite(_MANY)


def _by_driver(connection: Connection, statement: str, values: dict[str, str]) -> Sequence[Sequence[Any]]:
    """The rows of a statement, asked of SQLite's driver itself: SQLAlchemy's way to it costs more than the look-up."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    try:
        return driver.execute(statement, values).fetchall()
    except sqlite3.Error as fault:
        raise DBAPIError(statement, values, fault) from fault


def list_customers(
    connection: Connection, run_id: str, filters: Filters, sort: Sort, after: Position | None, limit: int
) -> Page:
    """The next ``limit`` customers of run ``run_id`` in the order of ``sort``, beginning after a position.

    Equal values are ordered by customer id, so that pages neither overlap nor leave anybody out.
    """
    asked = _matching(run_id, filters)
    column = _sorted_by(sort, filters)
    rows: list[Row[Any]] = []
    if after is None or after.value is not None:
        rows += connection.execute(_with_value(asked, column, sort.descending, after).limit(limit + 1)).all()
    if len(rows) <= limit and sort.column != "customer_id":
        start = after if after is not None and after.value is None else None
        rows += connection.execute(_without_value(asked, column, start).limit(limit + 1 - len(rows))).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return Page([row.body for row in shown], Position(shown[-1].sorted_by, shown[-1].customer_id) if more else None)


def count_customers(connection: Connection, run_id: str, filters: Filters) -> int:
    """How many customers of run ``run_id`` pass the filters."""
    return connection.scalar(select(func.count()).select_from(_matching(run_id, filters).subquery())) or 0


_Asked = Select[tuple[str, bytes]]

_FILTERED = {
    "segment": "segment",
    "churn_band": "churn_band",
    "action": "recommended_action",
    "tier": "tier",
    "stage": "lifecycle_stage",
    "trajectory": "trajectory",
    "account_manager": "account_manager",
}
"""Filters that ask for one value, and the column that has it."""


def _matching(run_id: str, filters: Filters) -> _Asked:
    run = select(RUNS.c.number).where(RUNS.c.run_id == run_id).scalar_subquery()
    asked = select(SCORES.c.customer_id, SCORES.c.body).where(SCORES.c.run == run)
    for name, column in _FILTERED.items():
        if (value := getattr(filters, name)) is not None:
            asked = asked.where(SCORES.c[column] == value)
    if filters.search:
        asked = asked.where(_found_by(filters.search, filters.ids_only))
    return asked


def _found_by(search: str, ids_only: bool) -> ColumnElement[bool]:
    by_id = SCORES.c.customer_id.istartswith(search, autoescape=True)
    return by_id if ids_only else or_(by_id, SCORES.c.customer_name.icontains(search, autoescape=True))


def _sorted_by(sort: Sort, filters: Filters) -> ColumnElement[Any]:
    """What to sort by. An account manager has few customers: better to fetch and sort them than to walk a whole index in its
    order in search of them, as a database would do for a bare column.
    """
    column = SCORES.c[sort.column]
    return column if filters.account_manager is None else func.coalesce(column, column)


def _with_value(
    asked: _Asked, column: ColumnElement[Any], descending: bool, after: Position | None
) -> Select[tuple[str, bytes, float | str]]:
    """Those who have a value in the sort column. Comparing (value, id) as a pair walks the index from the position."""
    customer = SCORES.c.customer_id
    pair = tuple_(column, customer)
    statement = asked.add_columns(column.label("sorted_by")).where(column.is_not(None))
    if after is not None:
        statement = statement.where(pair < tuple(after) if descending else pair > tuple(after))
    order = (column.desc(), customer.desc()) if descending else (column, customer)
    return statement.order_by(*order)


def _without_value(
    asked: _Asked, column: ColumnElement[Any], after: Position | None
) -> Select[tuple[str, bytes, None]]:
    """Those who have no value in the sort column, by customer id; they follow all who have one."""
    customer = SCORES.c.customer_id
    statement = asked.add_columns(column.label("sorted_by")).where(column.is_(None))
    if after is not None:
        statement = statement.where(customer > after.customer_id)
    return statement.order_by(customer)
