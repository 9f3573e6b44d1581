"""The company's records as Arrow tables in the contract's columns: what its systems hold at the end of the last day.

Timestamps have no zone and mean the company's own local time, as exports of business software usually do. Nothing
that happens after the end is on record: an open complaint has no end, an unsent delivery no date.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.simulation.accounts import Accounts
from features.simulation.actions import ACTIONS
from features.simulation.campaigns import Treatments, joined
from features.simulation.company import CATEGORIES
from features.simulation.contacts import Contacts
from features.simulation.credit import Standings
from features.simulation.customers import Customers
from features.simulation.payments import Invoices, Payments
from features.simulation.purchases import Orders
from features.simulation.rhythm import Floats, Ints

TIME = pa.timestamp("us")
_DAY_US = 86_400_000_000


def customer_ids(customers: Customers, customer: Ints) -> Any:
    """Ids such as ``C0000012`` of customers by their position in the chunk, from their running numbers."""
    return _ids("C", customers).take(pa.array(customer))


def times(first_day: date, day: Floats, hour: float | None = None, before: float = np.inf) -> Any:
    """Timestamps of simulated days; null for never and for days not ``before`` that one.

    A day's fraction becomes a time in office hours (7 to 17), so that order within a day is kept; ``hour`` overrides.
    """
    missing = ~(day < before)
    whole = np.floor(np.where(missing, 0, day))
    hours = 7 + 10 * (np.where(missing, 0, day) - whole) if hour is None else np.full(len(day), hour)
    epoch_day = (first_day - date(1970, 1, 1)).days
    microseconds = (whole.astype(np.int64) + epoch_day) * _DAY_US + (np.rint(hours * 3600) * 1e6).astype(np.int64)
    return pa.array(microseconds, pa.int64(), mask=missing).cast(TIME)


def customers_table(
    customers: Customers, first_day: date, kept: NDArray[np.bool_], held: Standings | None = None
) -> pa.Table:
    """The table ``customers``: one row each, or with ``held`` one for each time that tier or credit limit held."""
    if held is None:
        return _profiles(customers, first_day, np.flatnonzero(kept))
    row = np.flatnonzero(kept[held.customer])
    table = _profiles(customers, first_day, held.customer[row])
    table = table.set_column(table.column_names.index("credit_limit"), "credit_limit", [held.credit_limit[row]])
    return (
        table.append_column("tier", pa.array(held.tier[row], pa.string()))
        .append_column("valid_from", times(first_day, held.from_day[row], hour=0))
        .append_column("valid_to", times(first_day, held.until_day[row], hour=0))
    )


def _profiles(customers: Customers, first_day: date, kept: Ints) -> pa.Table:
    return pa.table(
        {
            "customer_id": customer_ids(customers, kept),
            "name": pa.array(customers.name[kept], pa.string()),
            "acquired_at": times(first_day, np.floor(customers.acquired_day[kept]), hour=6),
            "region": pa.array(customers.region[kept], pa.string()),
            "industry": pa.array(customers.industry[kept], pa.string()),
            "size": pa.array(customers.size[kept], pa.string()),
            "account_manager": pa.array(customers.manager[kept], pa.string()),
            "credit_limit": customers.credit_limit[kept],
        }
    )


def orders_table(customers: Customers, orders: Orders, first_day: date, days: int) -> pa.Table:
    """The table ``orders``; ``orders`` lie by customer and day, which numbers them."""
    return pa.table(
        {
            "order_id": _numbered("O", customers, orders.customer, orders.line == 0),
            "customer_id": customer_ids(customers, orders.customer),
            "ordered_at": times(first_day, orders.day),
            "amount": orders.amount,
            "margin": orders.margin,
            "category": pa.array(
                np.array([name for name, *_ in CATEGORIES], dtype=object)[orders.category], pa.string()
            ),
            "quantity": orders.quantity,
            "discount": orders.discount,
            "promised_at": times(first_day, orders.promised_day, hour=12),
            "delivered_at": times(first_day, orders.delivered_day, hour=10, before=days),
        }
    )


def invoice_ids(customers: Customers, invoices: Invoices) -> Any:
    """Ids of invoices, numbered within their customer; they lie by customer and day of issue."""
    return _numbered("R", customers, invoices.customer)


def invoices_table(customers: Customers, invoices: Invoices, first_day: date) -> pa.Table:
    """The table ``invoices``."""
    return pa.table(
        {
            "invoice_id": invoice_ids(customers, invoices),
            "customer_id": customer_ids(customers, invoices.customer),
            "issued_at": times(first_day, invoices.issued_day, hour=6),
            "due_at": times(first_day, invoices.due_day, hour=0),
            "amount": invoices.amount,
            "disputed": invoices.disputed,
        }
    )


def payments_table(customers: Customers, invoices: Invoices, payments: Payments, first_day: date) -> pa.Table:
    """The table ``payments``."""
    return pa.table(
        {
            "customer_id": customer_ids(customers, invoices.customer[payments.invoice]),
            "paid_at": times(first_day, payments.paid_day, hour=9),
            "amount": payments.amount,
            "invoice_id": invoice_ids(customers, invoices).take(pa.array(payments.invoice)),
        }
    )


def interactions_table(customers: Customers, contacts: Contacts, first_day: date, days: int) -> pa.Table:
    """The table ``interactions``."""
    return pa.table(
        {
            "customer_id": customer_ids(customers, contacts.customer),
            "at": times(first_day, contacts.day),
            "kind": pa.array(contacts.kind, pa.string()),
            "score": _numbers(contacts.score),
            "severity": _numbers(contacts.severity),
            "closed_at": times(first_day, contacts.closed_day, hour=16, before=days),
        }
    )


def treatments_table(customers: Customers, treatments: Sequence[Treatments], first_day: date) -> pa.Table:
    """The table ``treatments``, by customer and day. What is not done costs nothing."""
    customer = joined(treatments, lambda one: one.customer).astype(np.int64)
    action = joined(treatments, lambda one: one.action).astype(np.int64)
    is_treated = joined(treatments, lambda one: one.is_treated) > 0
    at = times(first_day, joined(treatments, lambda one: one.day), hour=6)
    return pa.table(
        {
            "customer_id": customer_ids(customers, customer),
            "at": at,
            "action": pa.array([one.name for one in ACTIONS], pa.string()).take(pa.array(action)),
            "arm": pa.array(["control", "treated"]).take(pa.array(is_treated.astype(np.int64))),
            "campaign": _campaigns(treatments, action, first_day),
            "cost": np.where(is_treated, np.array([one.cost for one in ACTIONS])[action], 0.0),
            "propensity": joined(treatments, lambda one: one.propensity),
        }
    )


def _campaigns(treatments: Sequence[Treatments], action: Ints, first_day: date) -> Any:
    """Names such as ``2025-03 visit``, one for everybody who took part."""
    days = [first_day + timedelta(days=one.day) for one in treatments]
    names = [f"{day:%Y-%m} {one.name}" for day in days for one in ACTIONS]
    number = {id(one): position for position, one in enumerate(treatments)}
    campaign = joined(treatments, lambda one: number[id(one)]).astype(np.int64) * len(ACTIONS) + action
    return pa.array(names, pa.string()).take(pa.array(campaign))


def financials_table(customers: Customers, accounts: Accounts, first_day: date) -> pa.Table:
    """The table ``financials``; ``known_at`` is the day on which accounts came in."""
    sums = [field.name for field in fields(Accounts) if field.name not in ("customer", "as_of_day", "known_day")]
    return pa.table(
        {
            "customer_id": customer_ids(customers, accounts.customer),
            "as_of": times(first_day, accounts.as_of_day, hour=0),
            "known_at": times(first_day, accounts.known_day, hour=9),
            **{name: getattr(accounts, name) for name in sums},
        }
    )


def _numbers(values: Floats) -> Any:
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _padded(numbers: Ints, width: int) -> Any:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def _ids(letter: str, customers: Customers) -> Any:
    return pc.binary_join_element_wise(letter, _padded(customers.number, 7), "")


def _numbered(letter: str, customers: Customers, customer: Ints, is_new: NDArray[np.bool_] | None = None) -> Any:
    """Ids such as ``O0000012-0003``: the customer's number and a running number, one more where ``is_new``."""
    steps = np.ones(len(customer), dtype=np.int64) if is_new is None else is_new.astype(np.int64)
    count = np.bincount(customer, steps, minlength=1).astype(np.int64)
    running = np.cumsum(steps) - (np.cumsum(count) - count)[customer]
    whose = _ids(letter, customers).take(pa.array(customer))
    which = _padded(np.arange(running.max(initial=0) + 1), 4).take(pa.array(running))
    return pc.binary_join_element_wise(whose, which, "-")
