"""What holds for any books: reconciled to the cent, within bounds, blind to the future and to the order of rows."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.ledger import Ledger, open_ledger
from features.ledger.ledger import cut_offs, items_sql
from features.ledger.matching import match
from features.sources import Facts
from tests.features.builders import Row, facts_of
from tests.features.ledger.plain_books import cents, known_from, plain_books

START = datetime(2025, 1, 1)
AS_OF = START + timedelta(days=90)
NOW = AS_OF.replace(tzinfo=UTC)
Company = dict[str, list[Row]]
Strategy = st.SearchStrategy[Any]

moments: Strategy = st.integers(0, 110 * 4).map(lambda quarter_days: START + timedelta(hours=6 * quarter_days))
amounts: Strategy = st.sampled_from([0.01, 10.0, 10.0, 20.0, 29.99, 50.0, 100.0, 100.0])
customers: Strategy = st.sampled_from(["a", "b"])
NAMES = tuple(f"i{n}" for n in range(6))


@st.composite
def companies(draw: st.DrawFn, records: bool = False, named: bool = False) -> Company:
    """Invoices (a few are credit notes) and money of every kind; ``named``: plain payments that all name an invoice."""
    invoices: list[Row] = []
    for name in NAMES[: draw(st.integers(1, len(NAMES)))]:
        issued_at = draw(moments)
        invoices.append(
            {
                "invoice_id": name,
                "customer_id": draw(customers),
                "issued_at": issued_at,
                "due_at": issued_at + timedelta(days=draw(st.integers(0, 40))),
                "amount": draw(amounts) * (1 if named else draw(st.sampled_from([1, 1, 1, 1, -1, 0]))),
                "known_at": draw(st.none() | moments),
                "settled_at": draw(st.none() | moments) if records else None,
            }
        )
    payments: list[Row] = [
        {
            "customer_id": draw(customers),
            "paid_at": draw(moments),
            "amount": draw(amounts) * (1 if named else draw(st.sampled_from([1, 1, 1, -1]))),
            "invoice_id": draw(st.sampled_from(NAMES if named else [None, None, "unknown", *NAMES])),
            "kind": None
            if named
            else draw(st.sampled_from([None, None, None, "payment", "write_off", "贷项", "refund"])),
            "known_at": draw(st.none() | moments),
        }
        for _ in range(draw(st.integers(0, 8)))
    ]
    return {"invoices": invoices, "payments": payments}


any_company = st.one_of(companies(), companies(records=True), companies(named=True))
few = settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def told(ledger: Ledger) -> tuple[list[Row], list[Row], list[Row]]:
    return ledger.items().to_pylist(), ledger.unapplied().to_pylist(), ledger.customers().to_pylist()


def books(company: Company, as_of: datetime = NOW) -> tuple[list[Row], list[Row], list[Row]]:
    with facts_of(company) as facts:
        return told(open_ledger(facts, as_of))


@settings(few, max_examples=40)
@given(any_company)
def test_books_reconcile_keep_within_bounds_and_follow_the_plain_rules(company: Company) -> None:
    found = books(company)
    check_reconciliation(company, *found)
    for item in found[0]:
        check_item(item)
    check_plain_rules(company, found[0], found[1])


def check_reconciliation(company: Company, items: list[Row], unapplied: list[Row], customers: list[Row]) -> None:
    """Open items less unapplied money are known invoices less known money, to the cent."""
    invoiced = sum(cents(r) for r in company["invoices"] if known_from(r, "issued_at") < AS_OF)
    received = sum(cents(r) for r in company["payments"] if known_from(r, "paid_at") < AS_OF)
    unbacked = sum(r["unbacked_minor"] for r in unapplied)
    balance = sum(r["open_minor"] for r in items) - sum(r["unapplied_minor"] for r in unapplied)
    assert balance == invoiced - received - unbacked
    assert balance == sum(r["balance_minor"] for r in customers)


def check_item(item: Row) -> None:
    """No item is open below zero or above its amount, and its parts add up."""
    parts = [item[f"{name}_minor"] for name in ("credited", "paid", "written_off", "open")]
    assert all(0 <= part <= item["amount_minor"] for part in parts)
    assert sum(parts) == item["amount_minor"]
    assert (item["settled_at"] is None) == (item["open_minor"] > 0) == (item["bucket"] is not None)
    assert item["settled_at"] is None or item["issued_at"] <= item["settled_at"] < AS_OF


def check_plain_rules(company: Company, items: list[Row], unapplied: list[Row]) -> None:
    """The same is open, unapplied and unbacked as in books kept one customer after the other."""
    plain = plain_books(company, AS_OF)
    assert {r["invoice_id"]: r["open_minor"] for r in items} == {name: item.open for name, item in plain.items.items()}
    for column, expected in (("unapplied_minor", plain.unapplied), ("unbacked_minor", plain.unbacked)):
        found = {r["customer_id"]: r[column] for r in unapplied if r[column]}
        assert found == {customer: left for customer, left in expected.items() if left}


@few
@given(any_company)
def test_what_becomes_known_later_changes_nothing(company: Company) -> None:
    known = {
        "invoices": [
            {**r, "settled_at": r["settled_at"] if r["settled_at"] and r["settled_at"] < AS_OF else None}
            for r in company["invoices"]
            if known_from(r, "issued_at") < AS_OF
        ],
        "payments": [r for r in company["payments"] if known_from(r, "paid_at") < AS_OF],
    }
    assert books(known) == books(company)


@few
@given(any_company, st.randoms())
def test_the_order_of_rows_is_irrelevant(company: Company, random: Any) -> None:
    shuffled = {table: random.sample(rows, len(rows)) for table, rows in company.items()}
    assert books(shuffled) == books(company)


@few
@given(companies(named=True) | companies(named=True, records=True))
def test_matching_by_reference_alone_gives_what_the_whole_matching_gives(company: Company) -> None:
    with facts_of(company) as facts:
        quick = told(open_ledger(facts, NOW))
        at = cut_offs(facts, [NOW])
        whole = told(Ledger(facts, NOW, match(facts, at, is_plain=lambda *_: False)))
    assert quick == whole


@few
@given(any_company)
def test_books_at_several_cut_offs_are_those_at_each(company: Company) -> None:
    days = [NOW - timedelta(days=30 * n) for n in (2, 1, 0)]
    with facts_of(company) as facts:
        together = together_at(facts, days)
        alone = [Counter(map(row_key, open_ledger(facts, day).items().to_pylist())) for day in days]
    assert together == alone


def together_at(facts: Facts, days: list[datetime]) -> list[Counter[Any]]:
    kept = match(facts, cut_offs(facts, days))
    table: pa.Table = facts.connection.sql(f"SELECT * EXCLUDE (due_day) FROM ({items_sql(kept)})").to_arrow_table()
    rows = table.to_pylist()
    numbers = [row.pop("cut_off") for row in rows]
    return [Counter(row_key(r) for r, n in zip(rows, numbers, strict=True) if n == day) for day in range(len(days))]


def row_key(row: Row) -> tuple[Any, ...]:
    return tuple(sorted((name, str(value)) for name, value in row.items()))
