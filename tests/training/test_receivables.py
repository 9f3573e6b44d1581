"""The books as the batch and the report take them."""

from pathlib import Path

import pandas as pd
import pytest

from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.late_payment.bills import tells_settlement
from training.receivables import buckets, receivables

INVOICES = """
invoice_id | customer_id | issued_at        | due_at           | amount
a1         | acme        | 2026-01-10 09:00 | 2026-02-09 00:00 | 100.10
a2         | acme        | 2026-02-10 09:00 | 2026-03-12 00:00 | 200
b1         | bolt        | 2026-02-20 09:00 | 2026-03-22 00:00 | 50
c1         | calm        | 2026-01-05 09:00 | 2026-01-20 00:00 | 75
"""
PAYMENTS = """
customer_id | paid_at          | amount | invoice_id
acme        | 2026-03-01 10:00 | 40.05  | a1
calm        | 2026-01-19 10:00 | 75     | c1
bolt        | 2026-02-25 10:00 | 20     |
"""


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York"])
def test_due_days_are_those_of_the_projects_own_calendar(tmp_path: Path, timezone: str) -> None:
    project = write_by_hand(tmp_path, timezone, invoices=INVOICES, payments=PAYMENTS)
    with open_facts(project) as facts:
        found = receivables(facts, instant("2026-03-15", project))
    due = dict(zip(found.invoices["invoice_id"], found.invoices["due_at"], strict=True))
    assert due == {
        "a1": pd.Timestamp("2026-02-09"),
        "a2": pd.Timestamp("2026-03-12"),
        "b1": pd.Timestamp("2026-03-22"),
    }
    assert found.invoices["days_overdue"].tolist() == [34, 3, 0]


def test_the_books_say_who_owes_what_without_any_model(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, "Europe/Berlin", invoices=INVOICES, payments=PAYMENTS)
    with open_facts(project) as facts:
        found = receivables(facts, instant("2026-03-15", project))
    acme, bolt, calm = (found.customers.loc[name] for name in ("acme", "bolt", "calm"))
    assert (acme["balance"], acme["overdue"], acme["open_items"]) == (260.05, 260.05, 2)
    assert [acme[name] for name in buckets()] == [0, 200, 60.05, 0, 0]
    assert (bolt["balance"], bolt["overdue"]) == (30, 0)  # 20 without a reference went to its oldest invoice
    assert calm["balance"] == 0
    assert found.portfolio["balance"] == pytest.approx(290.05)
    assert found.portfolio["customers_owing"] == 2
    assert found.invoices["open_amount"].sum() == pytest.approx(290.05)
    assert found.cash is None
    assert "late_probability" not in found.invoices
    assert found.ageing["balance"].iloc[-1] == pytest.approx(250 + 60.05 + 40.05 - 20)  # end of February


def test_without_payments_or_settlements_there_are_no_books(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, "UTC", invoices=INVOICES)
    with open_facts(project) as facts:
        assert not tells_settlement(facts)
