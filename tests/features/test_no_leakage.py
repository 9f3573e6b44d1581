"""No feature sees the future: whatever becomes of the facts at or after the cut-off, the snapshot is the same.

Due dates and promised dates are agreed when the invoice is issued or the order placed. They are known from then on, so
they stay as they are in facts that are known. The features at a cut-off are looked at when it is computed alone, and when
a later one is computed with it, which knows more.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURES, RELATIONS, Feature, Relation
from features.contracts import TABLES
from features.snapshot import snapshot
from features.text import Text
from tests.features.builders import Row, facts_of
from tests.features.random_companies import AS_OF, CUSTOMERS, IDS, ROWS_OF, TICK, Company, companies, is_known

LEARNT_LATER = {name: table.learnt_later for name, table in TABLES.items() if table.learnt_later}
"""What becomes known of a fact after the fact itself."""

NOW = AS_OF.replace(tzinfo=UTC)
ALONE = (NOW,)
WITH_A_LATER_ONE = (NOW, NOW + timedelta(days=400))

Future = Callable[[Company, Random], Company]


def snapshot_of(
    company: Company, features: tuple[Feature, ...] | None = None, as_of: tuple[datetime, ...] = ALONE
) -> Any:
    """The first of the cut-offs."""
    with facts_of(company, "Asia/Shanghai") as facts:
        table = snapshot(facts, as_of, features=features)
    return table.filter(pc.equal(table["as_of"], pa.scalar(NOW, table["as_of"].type)))


def differing(one: Any, two: Any) -> list[str]:
    """The columns in which two snapshots differ, bit for bit; ``rows`` if their customers do."""
    if one["customer_id"] != two["customer_id"]:
        return ["rows"]
    return [name for name in one.column_names if not one[name].equals(two[name])]


def differences(
    company: Company, other: Company, features: tuple[Feature, ...] | None = None, as_of: tuple[datetime, ...] = ALONE
) -> list[str]:
    return differing(snapshot_of(company, features, as_of), snapshot_of(other, features, as_of))


# --- other futures


def later(random: Random) -> datetime:
    return AS_OF + timedelta(hours=random.choice([0, 0, 1, 24, 240, 7_000]))


def other_times(company: Company, random: Random) -> Company:
    """Every time at or after the cut-off moves, but stays at or after it."""
    return {table: [_with_other_times(table, row, random) for row in rows] for table, rows in company.items()}


def _with_other_times(table: str, row: Row, random: Random) -> Row:
    learnt = LEARNT_LATER.get(table, ()) if is_known(table, row, AS_OF) else tuple(row)
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
    for table, columns in LEARNT_LATER.items():
        for row, column in product(changed.get(table, ()), columns):
            if row[column] is None or row[column] >= AS_OF:
                row[column] = random.choice([None, later(random)])
    paid = {row["invoice_id"] for row in company.get("payments", ()) if is_known("payments", row, AS_OF)}
    for row in changed.get("invoices", ()):
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
        "credit_limit": lambda: 1e6,
        "tier": lambda: "future",
        "industry": lambda: random.choice(["steel", "future"]),
        "plan": lambda: "future",
        "arm": lambda: random.choice(["treated", "control"]),
        "current_assets": lambda: 1e6,
        "current_liabilities": lambda: 1e6,
        "revenue": lambda: 1e6,
        "net_income": lambda: 1e6,
        "cost_of_sales": lambda: 1e6,
        "receivables": lambda: 1e6,
        "total_assets": lambda: 1e6,
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
    clocks = [TABLES[table].occurred_at or "known_at", *(c for c in ("valid_from",) if c in row), "known_at"]
    moved = {**row, random.choice(clocks): later(random)}
    if table == "invoices" or (table == "customers" and random.random() < 0.5):
        moved[IDS[table][0]] = f"new-{number}"
    return _with_other_values(moved, random) if random.random() < 0.5 else moved


def another_future(company: Company, random: Random) -> Company:
    """All of it at once."""
    return other_rows(other_values(other_times(company, random), random), random)


few = settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.parametrize("as_of", [ALONE, WITH_A_LATER_ONE], ids=["alone", "with a later one"])
@pytest.mark.parametrize("future", [other_times, other_values, other_rows, another_future])
def test_no_feature_sees_the_future(future: Future, as_of: tuple[datetime, ...]) -> None:
    @few
    @given(companies, st.integers(0, 10**9).map(Random))
    def check(company: Company, random: Random) -> None:
        assert not differences(company, future(company, random), as_of=as_of)

    check()


# --- the check finds what it should

Change = tuple[str, str, str]
"""A relation, what stands in its SQL, and what leaks in its place."""

LEAKS: dict[str, tuple[str, tuple[Change, ...]]] = {
    "an order at the cut-off": (
        "order_lines",
        (("sales", "< {end}", "<= {end}"), ("order_lines", "known_from < {as_of}", "known_from <= {as_of}")),
    ),
    "an order that is not known yet": (
        "order_lines",
        (("sales", "greatest(known_at, ordered_at) AS known_from", "ordered_at AS known_from"),),
    ),
    "orders to come": ("order_lines", (("order_lines", "known_from < {as_of}", "TRUE"),)),
    "the date of delivery": ("order_lines", (("order_lines", "delivered_at < {as_of}", "TRUE"),)),
    "categories to come": ("assortment", (("assortment", "known_from < {as_of}", "TRUE"),)),
    "a purchase day at the last cut-off": ("rhythm", (("sales", "< {end}", "<= {end}"),)),
    "purchase days to come": ("rhythm", (("rhythm", "s <= {step}", "TRUE"),)),
    "a list of days that begins too late": ("rhythm", (("rhythm", "first_step <= {step}", "TRUE"),)),
    "a list of days that are not known yet": (
        "rhythm",
        (("purchase_days", "ON {passed[known_from]} <= c.step", "ON {passed[ordered_at]} <= c.step"),),
    ),
    "invoices to come": ("bills", (("bills", "known_from < {as_of}", "TRUE"),)),
    "an invoice that is not known yet": (
        "bills",
        (("ledger", "greatest(i.known_at, i.issued_at) AS known_from", "i.issued_at AS known_from"),),
    ),
    "the settlement": ("bills", (("bills", "settled_from < {as_of}", "settled_from IS NOT NULL"),)),
    "a part payment to come": ("bills", (("bills", "part_from < {as_of}", "part_from IS NOT NULL"),)),
    "a payment that is not known yet": (
        "bills",
        (("paid_invoices", "max(greatest(known_at, paid_at))", "max(paid_at)"),),
    ),
    "an instalment that is not known yet": (
        "bills",
        (("instalments", "greatest(p.known_at, p.paid_at) AS paid_from", "p.paid_at AS paid_from"),),
    ),
    "instalments to come": (
        "bills",
        (("ledger", "greatest(p.known_from, p.paid_from)", "p.known_from"), ("bills", "part_from < {as_of}", "TRUE")),
    ),
    "contacts to come": ("contacts", (("contacts", "known_from < {as_of}", "TRUE"),)),
    "a contact that is not known yet": (
        "contacts",
        (("conversations", 'greatest(known_at, "at") AS known_from', '"at" AS known_from'),),
    ),
    "the end of a complaint": ("contacts", (("contacts", "closed_at < {as_of}", "closed_at IS NOT NULL"),)),
    "contracts to come": ("contracts", (("contracts", "greatest(known_at, started_at) < {as_of}", "TRUE"),)),
    "a contract that is not known yet": (
        "contracts",
        (("contracts", "greatest(known_at, started_at) < {as_of}", "started_at < {as_of}"),),
    ),
    "the end of a contract": ("contracts", (("contracts", "ended_at < {as_of}", "ended_at IS NOT NULL"),)),
    "actions to come": ("actions", (("actions", 'greatest(known_at, "at") < {as_of}', "TRUE"),)),
    "an action that is not known yet": (
        "actions",
        (("actions", 'greatest(known_at, "at") < {as_of}', '"at" < {as_of}'),),
    ),
    "accounts to come": ("accounts", (("accounts", "greatest(known_at, as_of) < {as_of}", "known_at < {as_of}"),)),
    "accounts that are not known yet": (
        "accounts",
        (("accounts", "greatest(known_at, as_of) < {as_of}", "as_of < {as_of}"),),
    ),
    "customers to come": ("profiles", (("profiles", "coalesce(acquired_at < {as_of}, TRUE)", "TRUE"),)),
    "a customer who is not known yet": ("profiles", (("profiles", "coalesce(known_at < {as_of}, TRUE)", "TRUE"),)),
    "a row that holds only later": ("profiles", (("profiles", "coalesce(valid_from < {as_of}, TRUE)", "TRUE"),)),
    "the end of a row": ("profiles", (("profiles", "coalesce(valid_to < {as_of}, FALSE)", "valid_to IS NOT NULL"),)),
    "a tier that holds only later": ("tiers", (("tiers", "coalesce(valid_from < {as_of}, TRUE)", "TRUE"),)),
    "a tier that is not known yet": ("tiers", (("tiers", "coalesce(known_at < {as_of}, TRUE)", "TRUE"),)),
    "peers to come": ("peers", (("profiles", "coalesce(acquired_at < {as_of}, TRUE)", "TRUE"),)),
}
"""For each leak the relation whose features see it, and how it is made."""

TABLES_OF = {"bills": ("invoices", "payments"), "peers": ("customers", "orders", "invoices", "payments")}
"""What features read, where it is more than their relation's own table."""


def leaky(changes: tuple[Change, ...]) -> dict[str, Relation]:
    """The relations with their SQL changed, wherever the sound piece stands."""
    changed = dict(RELATIONS)
    for name, sound, leak in changes:
        relation = changed[name]
        assert sound in relation.sql + (relation.sql_out_of_order or "")
        later_sql = relation.sql_out_of_order and relation.sql_out_of_order.replace(sound, leak)
        changed[name] = replace(relation, sql=relation.sql.replace(sound, leak), sql_out_of_order=later_sql)
    return changed


def finds(features: tuple[Feature, ...], *tables: str) -> bool:
    """Whether some company of these tables and another future of it differ in one of the features."""

    @settings(few, max_examples=100, phases=[Phase.generate], derandomize=True)
    @given(st.fixed_dictionaries({name: ROWS_OF[name] for name in tables}), st.integers(0, 10**9).map(Random))
    def check(company: Company, random: Random) -> None:
        other = another_future(company, random)
        assert not differences(company, other, features)
        assert not differences(company, other, features, WITH_A_LATER_ONE)

    try:
        check()
    except AssertionError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS)
def test_the_check_finds_what_leaks(monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    source, changes = LEAKS[leak]
    for relation in leaky(changes).values():
        monkeypatch.setitem(RELATIONS, relation.name, relation)
    features = tuple(f for f in FEATURES if f.source == source)
    assert finds(features, *(TABLES_OF.get(source) or (RELATIONS[source].table,)))


def paid_twice(*paid: timedelta) -> Company:
    """An invoice of 100 that is paid in full on each of the days, counted from the cut-off."""
    invoice = {"customer_id": "a", "issued_at": AS_OF - timedelta(90), "due_at": AS_OF - timedelta(60), "amount": 100.0}
    invoice |= {"invoice_id": "i0", "disputed": None, "settled_at": None, "known_at": None}
    payment = {"customer_id": "a", "amount": 100.0, "invoice_id": "i0", "known_at": None}
    return {"invoices": [invoice], "payments": [{**payment, "paid_at": AS_OF + day} for day in paid]}


def test_an_invoice_is_settled_by_the_payment_that_completes_it_and_not_by_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A random search finds a second payment of a settled invoice too rarely to be relied on.
    once, again = paid_twice(timedelta(-30)), paid_twice(timedelta(-30), timedelta(30))
    bills = tuple(f for f in FEATURES if f.source == "bills")
    assert not differences(once, again, bills, WITH_A_LATER_ONE)
    for relation in leaky((("ledger", "p.payments > 1", "FALSE"),)).values():
        monkeypatch.setitem(RELATIONS, relation.name, relation)
    assert differences(once, again, bills, WITH_A_LATER_ONE)


DISPUTES = Feature(
    "disputes", "payment", "bills", "sum(coalesce(disputed, 0) * is_settled)", "invoices", Text("d", "争")
)
OPEN_DISPUTES = replace(DISPUTES, sql="sum(coalesce(disputed, 0))")


@pytest.mark.slow
def test_the_check_finds_a_dispute_before_the_settlement() -> None:
    assert finds((OPEN_DISPUTES,), "invoices")


@pytest.mark.slow
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
    "subscriptions": [{"customer_id": "a", "started_at": datetime(2025, 5, 1), "amount": 10.0}],
    "treatments": [],
    "financials": [],
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
    "valid_from": ("customers", {"customer_id": "a", "credit_limit": 5.0}),
    "valid_to": ("customers", {"customer_id": "a", "credit_limit": 5.0}),
    "started_at": ("subscriptions", {"customer_id": "a", "amount": 5.0}),
    "ended_at": ("subscriptions", BASE["subscriptions"][0]),
    "done_at": ("treatments", {"customer_id": "a", "action": "call", "arm": "treated"}),
    "as_of": ("financials", {"customer_id": "a", "current_assets": 5.0, "current_liabilities": 5.0}),
}
COLUMN = {"done_at": "at"}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_fact_counts_from_the_microsecond_after_it_happened(clock: str) -> None:
    table, row = CLOCKS[clock]

    def company(time: datetime) -> Company:
        return {**BASE, table: [*BASE[table], {**row, COLUMN.get(clock, clock): time}]}

    never, now, before = (snapshot_of(company(time)) for time in (datetime(2099, 1, 1), AS_OF, AS_OF - TICK))
    assert differing(never, now) == []
    assert differing(never, before) != []


@pytest.mark.parametrize("clock", [clock for clock in CLOCKS if clock not in sum(LEARNT_LATER.values(), ())])
def test_a_fact_counts_from_the_microsecond_after_it_is_known(clock: str) -> None:
    table, row = CLOCKS[clock]

    def company(known_at: datetime) -> Company:
        return {
            **BASE,
            table: [*BASE[table], {**row, COLUMN.get(clock, clock): datetime(2025, 6, 1), "known_at": known_at}],
        }

    never, now, before = (snapshot_of(company(time)) for time in (datetime(2099, 1, 1), AS_OF, AS_OF - TICK))
    assert differing(never, now) == []
    assert differing(never, before) != []
