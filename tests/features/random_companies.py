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
    "customers": {"acquired_at": maybe, "known_at": maybe},
}

IDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "invoices": ("invoice_id", INVOICES),
    "customers": ("customer_id", (*CUSTOMERS, "d")),
}
"""Tables with a key: its column and the ids, each for one row."""


def _rows(table: str, least: int, most: int) -> Strategy:
    if table not in IDS:
        return st.lists(st.fixed_dictionaries(ROWS[table]), min_size=least, max_size=most)
    key, ids = IDS[table]
    return st.lists(st.fixed_dictionaries(ROWS[table]), min_size=len(ids), max_size=len(ids)).map(
        lambda rows: [{key: name, **row} for name, row in zip(ids, rows, strict=True)]
    )


companies: Strategy = st.fixed_dictionaries({table: _rows(table, 6, 14) for table in ROWS})
"""Companies with all tables that features read; times are naive and in UTC."""


def is_known(table: str, row: Row, as_of: datetime) -> bool:
    """Whether a fact has happened and is known strictly before ``as_of``; one without a time always is."""
    times = (row.get(TABLES[table].occurred_at or ""), row.get("known_at"))
    return all(time < as_of for time in times if time is not None)
