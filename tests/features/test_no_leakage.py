"""No feature sees the future: whatever becomes of the facts at or after the cut-off, the snapshot is the same.

Due dates and promised dates are agreed when the invoice is issued or the order placed. They are known from then on, so
they stay as they are in facts that are known.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURES, RELATIONS, Feature
from features.contracts import TABLES
from features.snapshot import snapshot
from features.text import Text
from tests.features.builders import Row, facts_of
from tests.features.random_companies import AS_OF, CUSTOMERS, IDS, TICK, Company, companies, is_known

LEARNT_LATER = {"orders": "delivered_at", "invoices": "settled_at", "interactions": "closed_at"}
"""What becomes known of a fact after the fact itself."""

Future = Callable[[Company, Random], Company]


def snapshot_of(company: Company, features: tuple[Feature, ...] | None = None) -> Any:
    with facts_of(company, "Asia/Shanghai") as facts:
        return snapshot(facts, [AS_OF.replace(tzinfo=UTC)], features=features)


def differing(one: Any, two: Any) -> list[str]:
    """The columns in which two snapshots differ, bit for bit; ``rows`` if their customers do."""
    if one["customer_id"] != two["customer_id"]:
        return ["rows"]
    return [name for name in one.column_names if not one[name].equals(two[name])]


def differences(company: Company, other: Company, features: tuple[Feature, ...] | None = None) -> list[str]:
    return differing(snapshot_of(company, features), snapshot_of(other, features))


# --- other futures


def later(random: Random) -> datetime:
    return AS_OF + timedelta(hours=random.choice([0, 0, 1, 24, 240, 7_000]))


def other_times(company: Company, random: Random) -> Company:
    """Every time at or after the cut-off moves, but stays at or after it."""
    return {table: [_with_other_times(table, row, random) for row in rows] for table, rows in company.items()}


def _with_other_times(table: str, row: Row, random: Random) -> Row:
    learnt = (LEARNT_LATER.get(table),) if is_known(table, row, AS_OF) else tuple(row)
    return {
        name: later(random) if name in learnt and isinstance(value, datetime) and value >= AS_OF else value
        for name, value in row.items()
    }


def other_values(company: Company, random: Random) -> Company:
    """What is not known yet turns out otherwise: amounts, kinds, customers, disputes, settlements."""
    changed = {
        table: [dict(row) if is_known(table, row, AS_OF) else _with_other_values(row, random) for row in rows]
        for table, rows in company.items()
    }
    for table, column in LEARNT_LATER.items():
        for row in changed[table]:
            if row[column] is None or row[column] >= AS_OF:
                row[column] = random.choice([None, later(random)])
    paid = {row["invoice_id"] for row in company["payments"] if is_known("payments", row, AS_OF)}
    for row in changed["invoices"]:
        if row["invoice_id"] not in paid and (row["settled_at"] is None or row["settled_at"] >= AS_OF):
            row["disputed"] = random.choice([True, False])
    return changed


def _with_other_values(row: Row, random: Random) -> Row:
    values: dict[str, Callable[[], Any]] = {
        "amount": lambda: random.choice([-3.0, 1e6]),
        "margin": lambda: 1e6,
        "discount": lambda: 1e6,
        "category": lambda: "future",
        "kind": lambda: random.choice(["complaint", "call"]),
        "score": lambda: 1e6,
    }
    if "invoice_id" not in row or "issued_at" not in row:
        values["invoice_id"] = lambda: random.choice(IDS["invoices"][1])
    if "acquired_at" not in row:
        values["customer_id"] = lambda: random.choice([*CUSTOMERS, "from the future"])
    return {name: values[name]() if name in values else value for name, value in row.items()}


def other_rows(company: Company, random: Random) -> Company:
    """Facts that are not known yet go, and others come."""
    return {
        table: [row for row in rows if is_known(table, row, AS_OF) or random.random() < 0.5]
        + [_moved_into_the_future(table, row, n, random) for n, row in enumerate(rows)]
        for table, rows in company.items()
    }


def _moved_into_the_future(table: str, row: Row, number: int, random: Random) -> Row:
    """A copy of a row that happened, or became known, at the cut-off or later."""
    clock = random.choice([TABLES[table].occurred_at or "known_at", "known_at"])
    moved = {**row, clock: later(random)}
    if table in IDS:
        moved[IDS[table][0]] = f"new-{number}"
    return _with_other_values(moved, random) if random.random() < 0.5 else moved


def another_future(company: Company, random: Random) -> Company:
    """All of it at once."""
    return other_rows(other_values(other_times(company, random), random), random)


few = settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("future", [other_times, other_values, other_rows, another_future])
def test_no_feature_sees_the_future(future: Future) -> None:
    @few
    @given(companies, st.integers(0, 10**9).map(Random))
    def check(company: Company, random: Random) -> None:
        assert not differences(company, future(company, random))

    check()


# --- the check finds what it should

LEAKS = {
    "an order at the cut-off": ("order_lines", "o.ordered_at < c.as_of", "o.ordered_at <= c.as_of"),
    "an order known at the cut-off": ("order_lines", "o.known_at < c.as_of", "o.known_at <= c.as_of"),
    "the date of delivery": ("order_lines", "o.delivered_at < c.as_of", "TRUE"),
    "invoices to come": ("bills", "i.issued_at < c.as_of", "TRUE"),
    "the settlement": ("bills", "i.settled_at < c.as_of", "i.settled_at IS NOT NULL"),
    "the dispute": ("bills", "CASE WHEN is_settled THEN disputed END AS was_disputed", "disputed AS was_disputed"),
    "payments to come": ("paid_invoices", "p.paid_at < c.as_of", "TRUE"),
    "payments not known yet": ("paid_invoices", "p.known_at < c.as_of", "TRUE"),
    "contacts to come": ("contacts", "t.at < c.as_of", "TRUE"),
    "the end of a complaint": ("contacts", "t.closed_at < c.as_of", "t.closed_at IS NOT NULL"),
    "customers to come": ("profiles", "k.acquired_at < c.as_of", "TRUE"),
}
DISPUTES = Feature("disputes", "payment", "bills", "sum(was_disputed::INTEGER)", "invoices", Text("d", "争"))


@pytest.mark.parametrize("leak", LEAKS)
def test_the_check_finds_what_leaks(monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    name, sound, leaky = LEAKS[leak]
    assert sound in RELATIONS[name].sql
    monkeypatch.setitem(RELATIONS, name, replace(RELATIONS[name], sql=RELATIONS[name].sql.replace(sound, leaky)))
    touched = {"paid_invoices": "bills", "profiles": "order_lines"}.get(name, name)
    features = (DISPUTES,) if leak == "the dispute" else tuple(f for f in FEATURES if f.source == touched)

    @settings(few, max_examples=40, phases=[Phase.generate], derandomize=True)
    @given(companies, st.integers(0, 10**9).map(Random))
    def check(company: Company, random: Random) -> None:
        assert not differences(company, another_future(company, random), features)

    with pytest.raises(AssertionError):
        check()


def test_a_dispute_of_a_settled_invoice_is_a_sound_feature_by_the_same_check() -> None:
    @few
    @given(companies, st.integers(0, 10**9).map(Random))
    def check(company: Company, random: Random) -> None:
        assert not differences(company, another_future(company, random), (DISPUTES,))

    check()


# --- the edge of each clock

BASE: Company = {
    "orders": [{"customer_id": "a", "ordered_at": datetime(2025, 5, 1), "amount": 10.0}],
    "invoices": [
        {
            "invoice_id": "i",
            "customer_id": "a",
            "issued_at": datetime(2025, 5, 1),
            "due_at": datetime(2025, 5, 31),
            "amount": 10.0,
        }
    ],
    "payments": [],
    "interactions": [{"customer_id": "a", "at": datetime(2025, 5, 1), "kind": "complaint"}],
    "customers": [],
}
AGREED = {"promised_at": datetime(2025, 5, 10), "due_at": datetime(2025, 5, 31)}
CLOCKS: dict[str, tuple[str, Row]] = {
    "ordered_at": ("orders", {"customer_id": "a", "amount": 5.0}),
    "delivered_at": ("orders", BASE["orders"][0] | AGREED),
    "issued_at": ("invoices", {"invoice_id": "j", "customer_id": "a", "amount": 5.0} | AGREED),
    "settled_at": ("invoices", BASE["invoices"][0] | {"invoice_id": "j"}),
    "paid_at": ("payments", {"customer_id": "a", "amount": 5.0, "invoice_id": "i"}),
    "at": ("interactions", {"customer_id": "a", "kind": "call"}),
    "closed_at": ("interactions", BASE["interactions"][0]),
    "acquired_at": ("customers", {"customer_id": "new"}),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_fact_counts_from_the_microsecond_after_it_happened(clock: str) -> None:
    table, row = CLOCKS[clock]

    def company(time: datetime) -> Company:
        return {**BASE, table: [*BASE[table], {**row, clock: time}]}

    never, now, before = (snapshot_of(company(time)) for time in (datetime(2099, 1, 1), AS_OF, AS_OF - TICK))
    assert differing(never, now) == []
    assert differing(never, before) != []


@pytest.mark.parametrize("clock", ["ordered_at", "issued_at", "paid_at", "at", "acquired_at"])
def test_a_fact_counts_from_the_microsecond_after_it_is_known(clock: str) -> None:
    table, row = CLOCKS[clock]

    def company(known_at: datetime) -> Company:
        return {**BASE, table: [*BASE[table], {**row, clock: datetime(2025, 6, 1), "known_at": known_at}]}

    never, now, before = (snapshot_of(company(time)) for time in (datetime(2099, 1, 1), AS_OF, AS_OF - TICK))
    assert differing(never, now) == []
    assert differing(never, before) != []
