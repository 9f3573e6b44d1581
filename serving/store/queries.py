"""All questions that are asked of the store. Customers come as finished JSON, the bytes that were published."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, or_, select, tuple_

from serving.schemas import PublishedRun, RunSummary
from serving.store.dialects import is_one_of
from serving.store.tables import CURRENT, RUNS, SCORES


class Stored(NamedTuple):
    """One customer's finished JSON and the instant it speaks for."""

    body: bytes
    as_of: datetime


class Filters(NamedTuple):
    """Which customers a list holds; None means all. ``search`` is the start of an id or a part of a name."""

    segment: str | None = None
    churn_band: str | None = None
    action: str | None = None
    tier: str | None = None
    stage: str | None = None
    trajectory: str | None = None
    search: str | None = None


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


_ONE = (
    select(SCORES.c.body, func.coalesce(SCORES.c.rescored_as_of, RUNS.c.as_of).label("as_of"))
    .select_from(CURRENT)
    .join(RUNS, CURRENT.c.run == RUNS.c.number)
    .join(SCORES, SCORES.c.run == RUNS.c.number)
    .where(SCORES.c.customer_id == bindparam("customer_id"))
)


def find_customer(connection: Connection, customer_id: str) -> Stored | None:
    """The customer in the run that is served now; None when there is none of this id."""
    row = connection.execute(_ONE, {"customer_id": customer_id}).first()
    return Stored(row.body, datetime.fromisoformat(row.as_of)) if row else None


def find_customers(connection: Connection, customer_ids: Sequence[str]) -> dict[str, bytes]:
    """The bodies of those of ``customer_ids`` that are in the run that is served now, by id; one statement."""
    found = (
        select(SCORES.c.customer_id, SCORES.c.body)
        .select_from(CURRENT.join(SCORES, CURRENT.c.run == SCORES.c.run))
        .where(is_one_of(connection, SCORES.c.customer_id, customer_ids))
    )
    return dict(connection.execute(found).all())


def list_customers(
    connection: Connection, run_id: str, filters: Filters, sort: Sort, after: Position | None, limit: int
) -> Page:
    """The next ``limit`` customers of run ``run_id`` in the order of ``sort``, beginning after a position.

    Equal values are ordered by customer id, so that pages neither overlap nor leave anybody out.
    """
    asked = _matching(run_id, filters)
    rows: list[Row[Any]] = []
    if after is None or after.value is not None:
        rows += connection.execute(_with_value(asked, sort, after).limit(limit + 1)).all()
    if len(rows) <= limit and sort.column != "customer_id":
        start = after if after is not None and after.value is None else None
        rows += connection.execute(_without_value(asked, sort, start).limit(limit + 1 - len(rows))).all()
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
}
"""Filters that ask for one value, and the column that has it."""


def _matching(run_id: str, filters: Filters) -> _Asked:
    run = select(RUNS.c.number).where(RUNS.c.run_id == run_id).scalar_subquery()
    asked = select(SCORES.c.customer_id, SCORES.c.body).where(SCORES.c.run == run)
    for name, column in _FILTERED.items():
        if (value := getattr(filters, name)) is not None:
            asked = asked.where(SCORES.c[column] == value)
    if filters.search:
        asked = asked.where(_found_by(filters.search))
    return asked


def _found_by(search: str) -> ColumnElement[bool]:
    return or_(
        SCORES.c.customer_id.istartswith(search, autoescape=True),
        SCORES.c.customer_name.icontains(search, autoescape=True),
    )


def _with_value(asked: _Asked, sort: Sort, after: Position | None) -> Select[tuple[str, bytes, float | str]]:
    """Those who have a value in the sort column. Comparing (value, id) as a pair walks the index from the position."""
    column, customer = SCORES.c[sort.column], SCORES.c.customer_id
    pair = tuple_(column, customer)
    statement = asked.add_columns(column.label("sorted_by")).where(column.is_not(None))
    if after is not None:
        statement = statement.where(pair < tuple(after) if sort.descending else pair > tuple(after))
    order = (column.desc(), customer.desc()) if sort.descending else (column, customer)
    return statement.order_by(*order)


def _without_value(asked: _Asked, sort: Sort, after: Position | None) -> Select[tuple[str, bytes, None]]:
    """Those who have no value in the sort column, by customer id; they follow all who have one."""
    column, customer = SCORES.c[sort.column], SCORES.c.customer_id
    statement = asked.add_columns(column.label("sorted_by")).where(column.is_(None))
    if after is not None:
        statement = statement.where(customer > after.customer_id)
    return statement.order_by(customer)
