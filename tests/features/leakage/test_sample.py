from datetime import datetime

import pytest

from features.leakage.sample import LEAST_CUSTOMERS, Sample, sampled
from tests.features.builders import Rows, facts_of

DAY = datetime(2025, 5, 1)
IDS = [f"C{n:03}" for n in range(300)]
COMPANY: Rows = {
    "orders": [{"customer_id": i, "ordered_at": DAY, "amount": 1.0} for i in IDS for _ in range(4)],
    "invoices": [
        {"invoice_id": f"of {i}", "customer_id": i, "issued_at": DAY, "due_at": DAY, "amount": 1.0} for i in IDS
    ],
    "payments": [{"customer_id": "a bank", "paid_at": DAY, "amount": 1.0, "invoice_id": f"of {i}"} for i in IDS],
    "context": [{"as_of": DAY, "indicator": "growth", "value": 1.0}],
}


def customers(sample: Sample, table: str) -> set[str]:
    return {row[0] for row in sample.facts.connection.sql(f"SELECT customer_id FROM {table}").fetchall()}


def test_all_facts_of_some_customers_are_copied_with_what_others_paid_for_them() -> None:
    with facts_of(COMPANY) as facts, sampled(facts, 20) as sample:
        assert (sample.customers, sample.of_customers) == (20, 301)
        chosen = customers(sample, "orders")
        assert sample.rows == {
            "orders": 4 * len(chosen),
            "invoices": len(chosen),
            "payments": len(chosen),
            "context": 1,
        }
        assert 19 <= len(chosen) <= 20
        paid = sample.facts.connection.sql("SELECT invoice_id FROM payments").fetchall()
        assert {row[0] for row in paid} == {f"of {i}" for i in chosen}


def test_the_same_customers_are_chosen_each_time_and_a_larger_sample_holds_the_smaller() -> None:
    with facts_of(COMPANY) as facts:
        with sampled(facts, 20) as one:
            few = customers(one, "orders")
        with sampled(facts, 20) as two:
            assert customers(two, "orders") == few
        with sampled(facts, 100) as three:
            assert few < customers(three, "orders")


@pytest.mark.parametrize(("most_rows", "expected"), [(None, 200), (4_000, 200), (900, 150), (10, LEAST_CUSTOMERS)])
def test_customers_with_many_facts_are_taken_in_smaller_numbers(most_rows: int | None, expected: int) -> None:
    with facts_of(COMPANY) as facts, sampled(facts, 200, most_rows) as sample:
        assert sample.customers == expected


def test_the_facts_themselves_are_not_touched() -> None:
    with facts_of(COMPANY) as facts:
        before = facts.connection.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        with sampled(facts, 20) as sample:
            sample.turn("truncation", datetime.fromisoformat("2025-01-01T00:00+00:00"))
            assert sample.facts.connection.sql("SELECT count(*) FROM orders").fetchall() == [(0,)]
            assert facts.connection.sql("SELECT count(*) FROM orders").fetchall() == [(1_200,)]
        after = facts.connection.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    assert after == before


def test_a_company_without_customers_gives_an_empty_sample() -> None:
    with facts_of({"orders": []}) as facts, sampled(facts, 20) as sample:
        assert (sample.customers, sample.of_customers, sample.rows) == (0, 0, {"orders": 0})
