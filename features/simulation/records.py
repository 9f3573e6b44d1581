"""The company's records as Arrow tables in the contract's columns: what its systems hold at the end of the last day.

Timestamps have no zone and mean the company's own local time, as exports of business software usually do. Nothing
that happens after the end is on record: an open complaint has no end, an unsent delivery no date.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.simulation.company import CATEGORIES
from features.simulation.contacts import Contacts
from features.simulation.customers import Customers
from features.simulation.payments import Invoices, Payments
from features.simulation.purchases import Orders
from features.simulation.rhythm import Floats, Ints
from features.simulation.truth import Silence

TIME = pa.timestamp("us")
_DAY_US = 86_400_000_000


def customer_ids(numbers: Ints) -> Any:
    """Ids of customers from their running numbers, e.g. ``C0000012``."""
    return pc.binary_join_element_wise("C", _padded(numbers, 7), "")


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


def customers_table(customers: Customers, first_day: date, kept: NDArray[np.bool_]) -> pa.Table:
    """The table ``customers``."""
    return pa.table(
        {
            "customer_id": customer_ids(customers.number[kept]),
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
    numbers = customers.number[orders.customer]
    return pa.table(
        {
            "order_id": _numbered("O", numbers, orders.customer, orders.line == 0),
            "customer_id": customer_ids(numbers),
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
    return _numbered("R", customers.number[invoices.customer], invoices.customer)


def invoices_table(customers: Customers, invoices: Invoices, first_day: date) -> pa.Table:
    """The table ``invoices``."""
    return pa.table(
        {
            "invoice_id": invoice_ids(customers, invoices),
            "customer_id": customer_ids(customers.number[invoices.customer]),
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
            "customer_id": customer_ids(customers.number[invoices.customer[payments.invoice]]),
            "paid_at": times(first_day, payments.paid_day, hour=9),
            "amount": payments.amount,
            "invoice_id": invoice_ids(customers, invoices).take(pa.array(payments.invoice)),
        }
    )


def interactions_table(customers: Customers, contacts: Contacts, first_day: date, days: int) -> pa.Table:
    """The table ``interactions``."""
    return pa.table(
        {
            "customer_id": customer_ids(customers.number[contacts.customer]),
            "at": times(first_day, contacts.day),
            "kind": pa.array(contacts.kind, pa.string()),
            "score": _numbers(contacts.score),
            "severity": _numbers(contacts.severity),
            "closed_at": times(first_day, contacts.closed_day, hour=16, before=days),
        }
    )


def _numbers(values: Floats) -> Any:
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _padded(numbers: Ints, width: int) -> Any:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def _numbered(letter: str, numbers: Ints, customer: Ints, is_new: NDArray[np.bool_] | None = None) -> Any:
    """Ids such as ``O0000012-0003``: the customer's number and a running number, one more where ``is_new``."""
    steps = np.ones(len(customer), dtype=np.int64) if is_new is None else is_new.astype(np.int64)
    count = np.bincount(customer, steps, minlength=1).astype(np.int64)
    running = np.cumsum(steps) - (np.cumsum(count) - count)[customer]
    return pc.binary_join_element_wise(letter, _padded(numbers, 7), "-", _padded(running, 4), "")


def truth_customers_table(customers: Customers, left_day: Floats, first_day: date, days: int) -> pa.Table:
    """What drives each customer. ``left_at`` is the first day on which it orders no more; null while it stays."""
    return pa.table(
        {
            "customer_id": customer_ids(customers.number),
            "order_gap_mean_days": customers.order_gap_days,
            "order_gap_regularity": customers.regularity,
            "order_value_median": customers.order_value,
            "late_delivery_share": customers.late_delivery_share,
            "leaving_per_day": customers.leaving_per_day,
            "usual_late_days": customers.usual_late_days,
            "terms_days": customers.terms_days,
            "trouble_from": times(first_day, np.floor(customers.time.trouble_from), hour=0, before=days),
            "trouble_until": times(first_day, np.ceil(customers.time.trouble_until), hour=0, before=days),
            "left_at": times(first_day, np.floor(left_day) + 1, hour=0, before=days + 1),
        }
    )


def truth_silence_table(customers: Customers, cut_offs: Sequence[tuple[date, Silence]]) -> pa.Table:
    """The true probabilities of all cut-offs; ``leaving_per_day`` is the rate of leaving at the cut-off."""
    parts = [
        pa.table(
            {
                "customer_id": customer_ids(customers.number[silence.customer]),
                "as_of": times(day, np.zeros(len(silence.customer)), hour=0),
                "has_left": silence.has_left,
                "leaving_per_day": silence.leaving_per_day,
                "silence_90d_probability": silence.probability,
            }
        )
        for day, silence in cut_offs
    ]
    return pa.concat_tables(parts) if parts else _EMPTY_SILENCE


_EMPTY_SILENCE = pa.table(
    {
        "customer_id": pa.array([], pa.string()),
        "as_of": pa.array([], TIME),
        "has_left": pa.array([], pa.bool_()),
        "leaving_per_day": pa.array([], pa.float64()),
        "silence_90d_probability": pa.array([], pa.float64()),
    }
)
