"""Open invoices and debtors of a run: published with its scores in the same transaction, read as finished JSON."""

from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, select, tuple_

from serving.store.bodies import Rows, json_bodies, small_tables
from serving.store.dialects import insert_table
from serving.store.queries import customers_of
from serving.store.tables import CURRENT, DEBTORS, INVOICES, RUNS


@dataclass(frozen=True)
class Debts:
    """What a run says of debts: one row a customer (DEBTORS_SCHEMA) and one an open invoice (INVOICES_SCHEMA)."""

    customers: Rows
    invoices: Rows


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
    for rows in small_tables(debts.customers):
        _insert(connection, number, DEBTORS, rows, rows.select(["customer_id"]))
    for rows in small_tables(debts.invoices):
        late = pc.coalesce(rows["late_probability"], pc.greater(rows["days_overdue"], 0).cast("float64"))
        kept = rows.select(["invoice_id", "customer_id", "late_band", "days_overdue"])
        _insert(
            connection,
            number,
            INVOICES,
            rows,
            kept.append_column("late_amount", pc.multiply(rows["open_amount"], late)),
        )


def _insert(connection: Connection, number: int, table: Table, told: pa.Table, kept: pa.Table) -> None:
    """Insert what is ``told`` as finished JSON, beside the columns that are ``kept`` of it."""
    stored = kept.append_column("run", pa.repeat(pa.scalar(number), len(told)))
    insert_table(connection, table, stored.append_column("body", json_bodies(told)))


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
