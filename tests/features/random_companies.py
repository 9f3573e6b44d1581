"""Hypothesis strategies for small companies whose facts lie thickly around one instant."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from features.contracts import TABLES
from tests.features.builders import Row

AS_OF = datetime(2025, 7, 1, 10, 30)
TICK = timedelta(microseconds=1)
CUSTOMERS = ("a", "b", "c")
INVOICES = tuple(f"i{n}" for n in range(8))

Company = dict[str, list[Row]]
Strategy = st.SearchStrategy[Any]

moments: Strategy = st.one_of(
    st.integers(-10_000, 2_000).map(lambda hours: AS_OF + timedelta(hours=hours)),
    st.sampled_from([AS_OF, AS_OF - TICK, AS_OF + TICK]),
)
maybe: Strategy = st.none() | moments
customers: Strategy = st.sampled_from(CUSTOMERS)
money: Strategy = st.integers(-800, 4_000).map(lambda quarters: quarters / 4)

ROWS: dict[str, dict[str, Strategy]] = {
    "orders": {
        "customer_id": customers,
        "ordered_at": moments,
        "amount": money,
        "margin": st.none() | money,
        "category": st.sampled_from([None, "steel", "tools", "wood"]),
        "discount": st.sampled_from([None, 0.0, 5.0]),
        "promised_at": maybe,
        "delivered_at": maybe,
        "known_at": maybe,
    },
    "invoices": {
        "customer_id": customers,
        "issued_at": moments,
        "due_at": moments,
        "amount": money,
        "disputed": st.sampled_from([None, True, False]),
        "settled_at": maybe,
        "known_at": maybe,
    },
    "payments": {
        "customer_id": customers,
        "paid_at": moments,
        "amount": money,
        "invoice_id": st.sampled_from([None, *INVOICES]),
        "known_at": maybe,
    },
    "interactions": {
        "customer_id": customers,
        "at": moments,
        "kind": st.sampled_from(["complaint", "投诉", "survey", "call"]),
        "score": st.sampled_from([None, 2.0, 9.0]),
        "closed_at": maybe,
        "known_at": maybe,
    },
    "customers": {
        "acquired_at": maybe,
        "industry": st.sampled_from([None, "steel", "wood"]),
        "size": st.sampled_from([None, "large"]),
        "credit_limit": st.sampled_from([None, 0.0, 100.0, 250.5]),
        "tier": st.sampled_from([None, "A", "B"]),
        "valid_from": maybe,
        "valid_to": maybe,
        "known_at": maybe,
    },
    "subscriptions": {
        "customer_id": customers,
        "started_at": moments,
        "ended_at": maybe,
        "plan": st.sampled_from([None, "basic", "gold"]),
        "amount": st.none() | money,
        "known_at": maybe,
    },
    "treatments": {
        "customer_id": customers,
        "at": moments,
        "action": st.sampled_from(["call", "discount"]),
        "arm": st.sampled_from(["treated", "control", "对照组"]),
        "known_at": maybe,
    },
    "financials": {
        "customer_id": customers,
        "as_of": moments,
        "current_assets": st.none() | money,
        "inventory": st.none() | money,
        "current_liabilities": st.sampled_from([None, 0.0, 30.0]),
        "total_debt": st.sampled_from([None, 0.0, 70.0]),
        "tangible_net_worth": st.none() | money,
        "revenue": st.none() | money,
        "net_income": st.none() | money,
        "cost_of_sales": st.none() | money,
        "receivables": st.sampled_from([None, 0.0, 50.0]),
        "total_assets": st.sampled_from([None, 0.0, 900.0]),
        "known_at": maybe,
    },
}

IDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "invoices": ("invoice_id", INVOICES),
    "customers": ("customer_id", (*CUSTOMERS, "d")),
}
"""Tables with a key: its column and the ids. Each is for one row, or for some that begin to hold at different times."""


def _rows(table: str, least: int, most: int) -> Strategy:
    row = st.fixed_dictionaries(ROWS[table])
    if table not in IDS:
        return st.lists(row, min_size=least, max_size=most)
    key, ids = IDS[table]
    of_each = st.lists(
        row, min_size=1, max_size=3 if table == "customers" else 1, unique_by=lambda r: r.get("valid_from")
    )
    return st.tuples(*(of_each for _ in ids)).map(
        lambda found: [{key: name, **row} for name, rows in zip(ids, found, strict=True) for row in rows]
    )


ROWS_OF: dict[str, Strategy] = {table: _rows(table, 6, 14) for table in ROWS}
"""The rows of each table."""

companies: Strategy = st.fixed_dictionaries(ROWS_OF)
"""Companies with all tables that features read; times are naive and in UTC."""


def is_known(table: str, row: Row, as_of: datetime) -> bool:
    """Whether a fact has happened, holds and is known strictly before ``as_of``; one without a time always is."""
    times = (row.get(TABLES[table].occurred_at or ""), row.get("valid_from"), row.get("known_at"))
    return all(time < as_of for time in times if time is not None)
