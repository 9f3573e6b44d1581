"""Each future of a table of a few rows, with every value spelled out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from features.contracts import KNOWN_AT, TABLES
from features.leakage.futures import AGREED, BEGINS, SHIFT_DAYS
from features.leakage.sample import Sample, sampled
from tests.features.builders import Rows, facts_of

NOON = datetime(2025, 7, 1, 12)
AS_OF = NOON.replace(tzinfo=UTC)
LONG_BEFORE, BEFORE, LATELY = datetime(2025, 5, 1), datetime(2025, 6, 1), datetime(2025, 6, 2)
AFTER, LATER = datetime(2025, 8, 1), datetime(2025, 9, 1)
SHIFT = timedelta(days=SHIFT_DAYS)
SHUFFLED = ("ordered_at", "customer_id", "amount", "category")

INVOICE = {"due_at": AFTER, "issued_at": LONG_BEFORE, "disputed": True, "known_at": LONG_BEFORE}
COMPANY: Rows = {
    "orders": [
        {"customer_id": "a", "ordered_at": BEFORE, "amount": 1.0, "delivered_at": AFTER, "promised_at": AFTER},
        {"customer_id": "b", "ordered_at": LATELY, "amount": 2.0, "known_at": NOON, "promised_at": AFTER},
        {"customer_id": "c", "ordered_at": NOON, "amount": 3.0, "category": "wood"},
        {"customer_id": "d", "ordered_at": AFTER, "amount": 4.0, "category": "steel", "promised_at": LATER},
        {"customer_id": "e", "ordered_at": LATER, "amount": 5.0},
        {"customer_id": "f", "ordered_at": LATER + SHIFT, "amount": 6.0},
    ],
    "invoices": [
        {"invoice_id": "1 open", "customer_id": "a", "amount": 1.0, **INVOICE},
        {"invoice_id": "2 settled", "customer_id": "a", "amount": 1.0, **INVOICE, "settled_at": BEFORE},
        {"invoice_id": "3 paid", "customer_id": "b", "amount": 1.0, **INVOICE},
        {"invoice_id": "4 settled later", "customer_id": "b", "amount": 1.0, **INVOICE, "settled_at": NOON},
    ],
    "payments": [
        {"customer_id": "b", "paid_at": BEFORE, "amount": 1.0, "invoice_id": "3 paid"},
        {"customer_id": "b", "paid_at": NOON, "amount": 1.0, "invoice_id": "1 open"},
    ],
    "subscriptions": [
        {"customer_id": "a", "started_at": BEFORE, "ended_at": AFTER},
        {"customer_id": "b", "started_at": BEFORE, "ended_at": None},
    ],
}


@pytest.fixture
def sample() -> Iterator[Sample]:
    with facts_of(COMPANY, "Asia/Shanghai") as facts, sampled(facts, 10) as copied:
        yield copied


def rows(sample: Sample, table: str, *columns: str, by: str = "") -> list[tuple[Any, ...]]:
    order = by or {"invoices": "invoice_id", "payments": "paid_at"}.get(table, "customer_id")
    return sample.facts.connection.sql(f"SELECT {', '.join(columns)} FROM main.{table} ORDER BY {order}").fetchall()


def test_every_time_of_the_contracts_is_told_apart_by_what_it_says() -> None:
    for table in TABLES.values():
        said = [*BEGINS.get(table.name, ()), *table.learnt_later, *AGREED.get(table.name, ())]
        times = [c.name for c in table.columns if c.type == "time" and c.name != table.occurred_at]
        assert sorted(times) == sorted(c for c in said if table.column(c)), table.name
        assert KNOWN_AT.name not in said


def test_without_a_future_the_facts_are_as_they_are(sample: Sample) -> None:
    sample.turn("edge", AS_OF)
    sample.restore()
    assert rows(sample, "orders", "customer_id", "ordered_at") == [
        (r["customer_id"], r["ordered_at"]) for r in COMPANY["orders"]
    ]


def test_what_is_not_known_yet_is_counted(sample: Sample) -> None:
    # orders b to f and a delivery, an invoice settled at noon, a payment at noon, the end of a contract
    assert sample.unknown(AS_OF) == 5 + 1 + 1 + 1 + 1
    assert sample.unknown(datetime(2026, 1, 1, tzinfo=UTC)) == 0


def test_truncation_deletes_what_is_not_known_and_empties_what_is_learnt_later(sample: Sample) -> None:
    sample.turn("truncation", AS_OF)
    assert rows(sample, "orders", "customer_id", "delivered_at", "delivered_day", "promised_at") == [
        ("a", None, None, AFTER)
    ]
    assert rows(sample, "invoices", "invoice_id", "settled_at", "disputed") == [
        ("1 open", None, None),
        ("2 settled", BEFORE, True),
        ("3 paid", None, True),
        ("4 settled later", None, None),
    ]
    assert rows(sample, "payments", "paid_at") == [(BEFORE,)]
    assert rows(sample, "subscriptions", "customer_id", "ended_at") == [("a", None), ("b", None)]


def test_a_shift_moves_every_time_of_the_future_and_its_day(sample: Sample) -> None:
    sample.turn("shift", AS_OF)
    columns = ("customer_id", "ordered_at", "known_at", "delivered_at", "promised_at")
    assert rows(sample, "orders", *columns)[:4] == [
        ("a", BEFORE, BEFORE, AFTER + SHIFT, AFTER),
        ("b", LATELY, NOON + SHIFT, None, AFTER + SHIFT),
        ("c", NOON + SHIFT, NOON + SHIFT, None, None),
        ("d", AFTER + SHIFT, AFTER + SHIFT, None, LATER + SHIFT),
    ]
    days = rows(sample, "orders", "ordered_day", "delivered_day")
    assert days[0] == (BEFORE.date(), (AFTER + SHIFT).date())
    assert days[3] == ((AFTER + SHIFT).date(), None)
    assert [r[0] for r in rows(sample, "invoices", "settled_at")] == [None, BEFORE, None, NOON + SHIFT]


def test_on_the_edge_everything_to_come_happens_at_the_cut_off_and_what_is_open_ends_there(sample: Sample) -> None:
    sample.turn("edge", AS_OF)
    assert rows(sample, "orders", "customer_id", "ordered_at", "known_at", "delivered_at") == [
        ("a", BEFORE, BEFORE, NOON),
        ("b", LATELY, NOON, NOON),
        *((customer, NOON, NOON, NOON) for customer in "cdef"),
    ]
    assert rows(sample, "orders", "ordered_day")[3] == (NOON.date(),)  # 20:00 in Shanghai
    assert [r[0] for r in rows(sample, "invoices", "settled_at")] == [NOON, BEFORE, NOON, NOON]
    assert rows(sample, "subscriptions", "ended_at") == [(NOON,), (NOON,)]


def test_a_shuffle_keeps_times_and_keys_and_gives_the_values_of_the_future_to_others(sample: Sample) -> None:
    sample.turn("shuffle", AS_OF)
    before, after = COMPANY["orders"], rows(sample, "orders", *SHUFFLED, by="ordered_at")
    assert [r[0] for r in after] == [r["ordered_at"] for r in before]
    assert after[0] == (BEFORE, "a", 1.0, None)
    assert sorted(r[1] for r in after[1:]) == ["b", "c", "d", "e", "f"]
    assert sorted(r[2:] for r in after[1:] if r[3]) == [(3.0, "wood"), (4.0, "steel")]
    assert [r[1:3] for r in after[1:]] != [(r["customer_id"], r["amount"]) for r in before[1:]]
    settled = rows(sample, "invoices", "invoice_id", "settled_at", "issued_at")
    assert [r[0] for r in settled] == ["1 open", "2 settled", "3 paid", "4 settled later"]
    assert settled[1] == ("2 settled", BEFORE, LONG_BEFORE)
    assert sorted(str(r[1]) for r in settled) == sorted(["None", "None", str(NOON), str(BEFORE)])


def test_one_clock_can_be_altered_alone(sample: Sample) -> None:
    sample.turn("truncation", AS_OF, {"orders": ("known_at",)})
    assert [r[0] for r in rows(sample, "orders", "customer_id")] == ["a"]
    assert rows(sample, "orders", "delivered_at") == [(AFTER,)]
    assert len(rows(sample, "payments", "paid_at")) == 2
    sample.turn("truncation", AS_OF, {"invoices": ("disputed",)})
    assert [r[0] for r in rows(sample, "invoices", "disputed")] == [None, True, True, None]
    assert len(rows(sample, "orders", "customer_id")) == 6
