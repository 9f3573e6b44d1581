"""Open invoices and debtors of a run: published with its scores in the same transaction, read as finished JSON."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, insert, select, tuple_

from serving.store.queries import customers_of
from serving.store.tables import CURRENT, DEBTORS, INVOICES, RUNS

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Debts:
    """What a run says of debts: one mapping a customer (CustomerReceivables) and one an open invoice (InvoiceRisk).

    Both are gone through once.
    """

    customers: Iterable[Mapping[str, Any]] = field(default_factory=list)
    invoices: Iterable[Mapping[str, Any]] = field(default_factory=list)


class InvoiceFilters(NamedTuple):
    """Which invoices a list holds; None means all. ``overdue``: only those past due, or only those that are not."""

    late_band: str | None = None
    overdue: bool | None = None
    customer_id: str | None = None
    account_manager: str | None = None


class InvoicePosition(NamedTuple):
    """The last row of a page: what is expected of it to come late, and the invoice."""

    late_amount: float
    invoice_id: str


class InvoiceList(NamedTuple):
    """One page: bodies, and where the next begins after (None at the end)."""

    bodies: list[bytes]
    last: InvoicePosition | None


def insert_debts(connection: Connection, number: int, debts: Debts) -> None:
    """Insert the debts of run ``number``."""
    for customers in _parts(debts.customers):
        connection.execute(
            insert(DEBTORS),
            [{"run": number, "customer_id": row["customer_id"], "body": _body(row)} for row in customers],
        )
    for invoices in _parts(debts.invoices):
        connection.execute(insert(INVOICES), [_invoice(number, row) for row in invoices])


def _parts(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    rows = iter(rows)
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        yield part


def _invoice(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    is_late = 1.0 if row["days_overdue"] else 0.0
    probability = row["late_probability"] if row["late_probability"] is not None else is_late
    kept = {name: row[name] for name in ("invoice_id", "customer_id", "late_band", "days_overdue")}
    return {"run": number, **kept, "late_amount": row["open_amount"] * probability, "body": _body(row)}


def _body(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(row), option=orjson.OPT_UTC_Z)


_SERVED = select(CURRENT.c.run).scalar_subquery()


def find_debtor(connection: Connection, customer_id: str) -> bytes | None:
    """The customer's debts in the run that is served now; None: it owes nothing and never did, or there are no invoices."""
    asked = select(DEBTORS.c.body).where(DEBTORS.c.run == _SERVED, DEBTORS.c.customer_id == customer_id)
    found: bytes | None = connection.scalar(asked)
    return found


def invoices_of(connection: Connection, customer_id: str) -> list[bytes]:
    """The open invoices of a customer in the run that is served now, in the order in which they were published."""
    asked = select(INVOICES.c.body).where(INVOICES.c.run == _SERVED, INVOICES.c.customer_id == customer_id)
    return list(connection.scalars(asked.order_by(INVOICES.c.days_overdue.desc(), INVOICES.c.invoice_id)))


def list_invoices(
    connection: Connection, run_id: str, filters: InvoiceFilters, after: InvoicePosition | None, limit: int
) -> InvoiceList:
    """The next ``limit`` open invoices, those first of which most money is expected to come late."""
    run = select(RUNS.c.number).where(RUNS.c.run_id == run_id).scalar_subquery()
    pair = tuple_(INVOICES.c.late_amount, INVOICES.c.invoice_id)
    asked = select(INVOICES.c.body, INVOICES.c.late_amount, INVOICES.c.invoice_id).where(INVOICES.c.run == run)
    if filters.late_band is not None:
        asked = asked.where(INVOICES.c.late_band == filters.late_band)
    if filters.overdue is not None:
        asked = asked.where(INVOICES.c.days_overdue > 0 if filters.overdue else INVOICES.c.days_overdue == 0)
    if filters.customer_id is not None:
        asked = asked.where(INVOICES.c.customer_id == filters.customer_id)
    if filters.account_manager is not None:
        asked = asked.where(INVOICES.c.customer_id.in_(customers_of(filters.account_manager)))
    if after is not None:
        asked = asked.where(pair < tuple(after))
    ordered = asked.order_by(INVOICES.c.late_amount.desc(), INVOICES.c.invoice_id.desc()).limit(limit + 1)
    rows = connection.execute(ordered).all()
    shown = rows[:limit]
    last = InvoicePosition(shown[-1].late_amount, shown[-1].invoice_id) if len(rows) > limit else None
    return InvoiceList([row.body for row in shown], last)
