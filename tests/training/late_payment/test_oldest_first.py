"""Payments that name no invoice: the oldest invoices are paid first, as the ledger says it."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.ledger import open_ledger
from features.project import Project
from features.sources import Facts, open_facts
from tests.training.late_payment.companies import day, unreferenced
from training.late_payment.bills import BILLS, RECEIPTS, bills
from training.late_payment.rows import open_rows

INVOICES = [
    ("A1", "A", "2025-01-01", "2025-01-31", 100.0),
    ("A2", "A", "2025-01-05", "2025-02-04", 50.0),
    ("A3", "A", "2025-02-01", "2025-03-03", 70.0),
]
MONEY = [
    ("A", "2025-02-03", 60.0, "2025-02-05", "payment"),  # the first 60 of A1
    ("A", "2025-02-10", 60.0, "2025-02-14", "payment"),  # the rest of A1, 20 of A2
    ("A", "2025-02-12", 30.0, "2025-02-12", "payment"),  # the rest of A2
]
Row = tuple[object, ...]


def settled(facts: Facts) -> list[tuple[str, str | None, str | None]]:
    rows = facts.connection.sql(f"SELECT invoice_id, settled_from, settled_day FROM {BILLS} ORDER BY 1").fetchall()
    return [(name, known and f"{known:%m-%d}", paid and f"{paid:%m-%d}") for name, known, paid in rows]


def test_an_invoice_is_settled_on_the_day_of_the_last_money_on_it_and_known_to_be_when_that_all_was(
    tmp_path: Path,
) -> None:
    with open_facts(unreferenced(tmp_path, INVOICES, MONEY)) as facts, bills(facts, day("2025-03-01")):
        assert settled(facts) == [("A1", "02-14", "02-10"), ("A2", "02-14", "02-12"), ("A3", None, None)]
        pieces = facts.connection.sql(
            f"SELECT invoice_id, amount, strftime(received_day, '%m-%d') FROM {RECEIPTS} ORDER BY 1, 3"
        ).fetchall()
    assert pieces == [("A1", 60.0, "02-03"), ("A1", 40.0, "02-10"), ("A2", 20.0, "02-10"), ("A2", 30.0, "02-12")]


def test_money_that_is_not_known_before_the_end_has_not_come(tmp_path: Path) -> None:
    with open_facts(unreferenced(tmp_path, INVOICES, MONEY)) as facts, bills(facts, day("2025-02-13")):
        assert settled(facts) == [("A1", None, None), ("A2", None, None), ("A3", None, None)]
        rows = open_rows(facts, [day("2025-02-13")]).set_index("invoice_id")
    assert rows["open_amount"].to_dict() == {"A1": 10.0, "A2": 50.0, "A3": 70.0}  # 60 and 30 are known by then


def test_money_in_advance_settles_an_invoice_on_the_day_on_which_it_is_written(tmp_path: Path) -> None:
    money = [("A", "2024-12-20", 120.0, "2024-12-20", "payment")]
    with open_facts(unreferenced(tmp_path, INVOICES, money)) as facts, bills(facts, day("2025-03-01")):
        assert settled(facts)[0] == ("A1", "01-01", "01-01")


def test_a_refund_takes_back_what_came_last(tmp_path: Path) -> None:
    money = [*MONEY, ("A", "2025-02-20", 30.0, "2025-02-20", "refund")]
    with open_facts(unreferenced(tmp_path, INVOICES, money)) as facts, bills(facts, day("2025-03-01")):
        assert settled(facts) == [("A1", "02-14", "02-10"), ("A2", None, None), ("A3", None, None)]


def company(folder: Path, seed: int) -> Project:
    """Forty customers whose money comes in parts, too much, too early, as credit notes and back again."""
    generator = np.random.default_rng(seed)
    invoices: list[Row] = []
    payments: list[Row] = []
    for number in range(400):
        customer, issued = f"C{number % 40:02}", day("2025-01-01") + timedelta(days=int(generator.integers(0, 300)))
        due = issued + timedelta(days=int(generator.choice([0, 14, 30])))
        amount = round(float(generator.gamma(2, 50)) + 0.01, 2) * (-1 if generator.random() < 0.05 else 1)
        invoices.append((f"I{number:03}", customer, f"{issued:%Y-%m-%d}", f"{due:%Y-%m-%d}", amount))
        if generator.random() < 0.85:
            paid = issued + timedelta(days=int(generator.integers(-5, 60)))
            known = paid + timedelta(days=int(generator.integers(0, 9)))
            kind = str(generator.choice(["payment", "payment", "payment", "credit_note", "write_off", "refund"]))
            share = float(generator.choice([0.3, 1.0, 1.5]))
            part = max(round(abs(amount) * share, 2), 0.01)
            payments.append((customer, f"{paid:%Y-%m-%d}", part, f"{known:%Y-%m-%d}", kind))
    return unreferenced(folder, invoices, payments)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_open_and_since_when_it_is_not_are_those_of_the_ledger(tmp_path: Path, seed: int) -> None:
    as_of = day("2025-10-01")
    with open_facts(company(tmp_path, seed)) as facts:
        items = open_ledger(facts, as_of).items().to_pandas().set_index("invoice_id").sort_index()
        with bills(facts, as_of):
            ours = facts.connection.sql(f"SELECT * FROM {BILLS}").df().set_index("invoice_id").sort_index()
            rows = open_rows(facts, [as_of]).set_index("invoice_id").sort_index()
    pd.testing.assert_index_equal(ours.index, items.index)
    closed = items["open_minor"] == 0
    assert 50 < closed.sum() < len(items) - 50
    assert (ours["settled_day"].notna() == closed).all()
    assert (pd.to_datetime(ours["settled_day"][closed]) == items["settled_at"][closed].dt.normalize()).all()
    assert (ours["settled_from"][closed] >= items["settled_at"][closed]).all()
    open_items = items[~closed]
    pd.testing.assert_index_equal(rows.index, open_items.index)
    assert np.abs(100 * rows["open_amount"] - open_items["open_minor"]).max() < 1e-6
