"""Invoices as they were known: settled by a date, by payments, in parts, and what is open of them."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest

from features.catalogue import BY_NAME
from features.errors import ProjectError
from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
from tests.training.late_payment.companies import day, ledger
from training.late_payment.bills import BILLS, RECEIPTS, bills, made_relations
from training.late_payment.rows import customer_features, open_rows

IN_PARTS = [
    ("P1", "A", "2025-01-01", "2025-01-31", 100.0, "", "no"),
    ("P2", "A", "2025-01-05", "2025-02-04", 50.0, "", "no"),
]
MONEY = [
    ("A", "2025-02-03", 60.0, "P1", "2025-02-05"),
    ("A", "2025-02-10", 40.0, "P1", "2025-02-12"),
    ("A", "2025-02-04", 50.0, "P2", "2025-02-04"),
]


def test_an_invoice_is_settled_by_the_payment_that_completes_it_from_when_that_was_known(tmp_path: Path) -> None:
    with open_facts(ledger(tmp_path, IN_PARTS, MONEY)) as facts, bills(facts, day("2025-03-01")):
        found = facts.connection.sql(f"SELECT invoice_id, settled_from, settled_day FROM {BILLS} ORDER BY 1").fetchall()
        received = facts.connection.sql(f"SELECT sum(amount) FROM {RECEIPTS}").fetchall()
    assert [(name, f"{known:%m-%d}", f"{paid:%m-%d}") for name, known, paid in found] == [
        ("P1", "02-12", "02-10"),
        ("P2", "02-04", "02-04"),
    ]
    assert received == [(150.0,)]


def test_what_is_not_known_before_the_end_has_not_happened(tmp_path: Path) -> None:
    with open_facts(ledger(tmp_path, IN_PARTS, MONEY)) as facts, bills(facts, day("2025-02-12")):
        found = facts.connection.sql(f"SELECT invoice_id FROM {BILLS} WHERE settled_from IS NULL").fetchall()
    assert found == [("P1",)]


def test_open_amounts_are_what_the_catalogue_says_is_open(tmp_path: Path) -> None:
    dates = [day("2025-01-03") + timedelta(days=n) for n in range(0, 45, 3)]
    with open_facts(ledger(tmp_path, IN_PARTS, MONEY)) as facts:
        balance = snapshot(facts, dates, features=[BY_NAME["open_balance"]]).to_pandas()
        with bills(facts, day("2025-03-01")):
            rows = open_rows(facts, dates)
    ours = rows.groupby("as_of")["open_amount"].sum()
    expected = balance.set_index("as_of")["open_balance"]
    assert (ours.reindex(expected.index, fill_value=0.0) - expected).abs().max() < 0.005
    assert set(expected) == {100.0, 150.0, 40.0, 0.0}  # 40: the rest of P1


@pytest.mark.parametrize("is_read_once", [False, True])
@pytest.mark.parametrize("dates", [["2025-02-08"], ["2025-01-20", "2025-02-06", "2025-02-11", "2025-02-28"]])
def test_features_of_customers_are_the_same_from_the_bills_as_from_all_facts(
    tmp_path: Path, dates: list[str], is_read_once: bool
) -> None:
    invoices = [*IN_PARTS, ("Q1", "B", "2025-01-10", "2025-01-25", 80.0, "2025-02-07", "yes")]
    money = [*MONEY, ("B", "2025-02-01", 30.0, "Q1", "2025-02-01"), ("B", "2025-01-12", 5.0, "none", "2025-01-12")]
    cutoffs = [day(date) for date in dates]
    with open_facts(ledger(tmp_path, invoices, money)) as facts:
        read = [feature for feature in customer_features(facts) if feature.family in ("payment", "credit")]
        alone = snapshot(facts, cutoffs, features=read)
        with bills(facts, day("2025-03-01"), is_read_once=is_read_once):
            assert snapshot(facts, cutoffs, features=read, made=made_relations(facts)).equals(alone)
            few = snapshot(facts, cutoffs, customers=["B"], features=read, made=made_relations(facts))
    assert len(read) > 20
    assert few.equals(alone.filter(pc.field("customer_id") == "B"))


def test_who_looks_once_sees_the_same_of_what_is_open(tmp_path: Path) -> None:
    found = []
    with open_facts(ledger(tmp_path, IN_PARTS, MONEY)) as facts:
        for is_read_once in (False, True):
            with bills(facts, day("2025-02-12"), is_read_once=is_read_once):
                found.append(open_rows(facts, [day("2025-02-12")]))
    assert found[0]["open_amount"].tolist() == [40.0]
    pd.testing.assert_frame_equal(*found)


def test_a_recorded_settlement_counts_as_money_received_where_there_are_no_payments(tmp_path: Path) -> None:
    rows = [("P1", "A", "2025-01-01", "2025-01-31", 100.0, "2025-02-03", "no")]
    with open_facts(ledger(tmp_path, rows)) as facts, bills(facts, day("2025-03-01")):
        found = facts.connection.sql(f"SELECT invoice_id, received_day, amount FROM {RECEIPTS}").fetchall()
    assert [(name, f"{on:%Y-%m-%d}", amount) for name, on, amount in found] == [("P1", "2025-02-03", 100.0)]


def test_the_tables_are_gone_afterwards(tmp_path: Path) -> None:
    with open_facts(ledger(tmp_path, IN_PARTS, MONEY)) as facts:
        with bills(facts, day("2025-03-01")):
            pass
        left = facts.connection.sql(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'late_payment%'"
        ).fetchall()
    assert left == [(0,)]


def test_without_a_word_on_who_paid_nothing_can_be_learnt(tmp_path: Path) -> None:
    ledger(tmp_path, IN_PARTS)
    text = (tmp_path / "retinue.toml").read_text(encoding="utf-8").replace('settled_at = "settled_at"\n', "")
    (tmp_path / "retinue.toml").write_text(text, encoding="utf-8")
    with (
        open_facts(load_project(tmp_path)) as facts,
        pytest.raises(ProjectError, match="settled_at"),
        bills(facts, day("2025-03-01")),
    ):
        pass
