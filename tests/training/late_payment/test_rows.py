"""What is known of an invoice at an instant: of itself, of the customer's others, and nothing of the future."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.sources import open_facts
from tests.training.late_payment.companies import Invoice, day, ledger
from training.late_payment.bills import bills
from training.late_payment.rows import feature_names, new_rows, open_rows, outcomes_of, with_known_habits

LEDGER: list[Invoice] = [
    ("A1", "A", "2025-01-01", "2025-01-31", 100.0, "2025-02-10", "yes"),  # 10 days late
    ("A2", "A", "2025-02-01", "2025-03-03", 300.0, "2025-03-01", "no"),  # 2 days early
    ("A3", "A", "2025-02-20", "2025-03-22", 200.0, "2025-04-25", "no"),  # 34 days late, known later
    ("A4", "A", "2025-03-15", "2025-04-14", 400.0, "", "no"),
    ("B1", "B", "2025-04-01", "2025-04-08", 50.0, "", "no"),
]
END = day("2025-06-01")


def open_at(folder: Path, *dates: str, rows: list[Invoice] = LEDGER) -> pd.DataFrame:
    with open_facts(ledger(folder, rows)) as facts, bills(facts, END):
        return open_rows(facts, [day(date) for date in dates]).set_index("invoice_id")


def test_an_open_invoice_knows_itself_and_what_the_others_do(tmp_path: Path) -> None:
    rows = open_at(tmp_path, "2025-04-01")
    assert list(rows.index) == ["A3", "A4"]  # B1 becomes known that very day, and so not before it
    a4 = rows.loc["A4"]
    expected = {
        "terms_days": 30,
        "due_weekday": 1,  # 14 April 2025 is a Monday
        "due_month_day": 14,
        "due_to_month_end_days": 16,
        "age_days": 17,
        "past_due_days": -13,
        "settled_count": 2,
        "own_mean_late_days": 4.0,  # 10 days late and 2 early
        "late_share_last_5": 0.5,
        "open_count": 1,  # A3, without itself
        "overdue_count": 1,
        "overdue_amount_share": 1.0,
        "worst_overdue_days": 10,  # A3 was due on 22 March
        "days_since_first_invoice": 90,
        "amount_of_usual": 400 / 250,
    }
    assert a4[list(expected)].astype(float).to_dict() == pytest.approx(expected)
    assert rows.loc["A3", "overdue_count"] == 0  # it is the overdue one itself


def test_the_newer_payment_weighs_more(tmp_path: Path) -> None:
    rows = with_known_habits(open_at(tmp_path, "2025-04-01"), usual_days=0.0, spread_days=5.0)
    old, new = 0.5 ** (50 / 90), 0.5 ** (31 / 90)  # settled on 10 February and on 1 March
    assert rows.loc["A4", "usual_late_days_90"] == pytest.approx((10 * old - 2 * new) / (old + new + 1))
    assert rows.loc["A4", "late_share_90"] == pytest.approx(old / (old + new))


def test_a_new_invoice_stands_as_it_was_when_it_was_written(tmp_path: Path) -> None:
    with open_facts(ledger(tmp_path, LEDGER)) as facts, bills(facts, END):
        rows = new_rows(facts, [day("2025-01-01"), day("2025-03-01")], END).set_index("invoice_id")
    assert len(rows) == 5
    assert rows["age_days"].eq(0).all()
    others = rows[["settled_count", "open_count", "overdue_count"]].astype(int)
    assert others.loc[["A2"]].to_numpy().tolist() == [[0, 1, 1]]  # A1 is one day late
    assert others.loc[["A4"]].to_numpy().tolist() == [[2, 1, 0]]
    habits = with_known_habits(rows, 0.0, 5.0)["usual_late_days_365"]
    assert habits.isna().loc[["A1"]].all()  # nothing was paid yet


def test_nothing_that_comes_later_changes_a_row(tmp_path: Path) -> None:
    cutoff = "2025-02-25"
    other = [(*row[:5], "2025-05-30" if row[5] > cutoff or not row[5] else row[5], row[6]) for row in LEDGER]
    other += [("A9", "A", cutoff, "2025-03-01", 9e6, "", "no")]
    before, after = open_at(tmp_path / "one", cutoff), open_at(tmp_path / "two", cutoff, rows=other)
    with open_facts(ledger(tmp_path / "one", LEDGER)) as facts:
        names = [name for name in feature_names(facts) if name in before]
    assert len(names) > 30
    pd.testing.assert_frame_equal(before[names], after[names])


def test_a_dispute_is_no_feature_of_an_invoice_that_is_open(tmp_path: Path) -> None:
    with open_facts(ledger(tmp_path, LEDGER)) as facts:
        assert "disputed" not in feature_names(facts)
        assert "disputed_share_365d" in feature_names(facts)  # of settled invoices only


def test_an_outcome_is_what_was_known_by_then(tmp_path: Path) -> None:
    with open_facts(ledger(tmp_path, LEDGER)) as facts, bills(facts, END):
        rows = open_rows(facts, [day("2025-02-25")])
        early, late = (outcomes_of(facts, rows, day(known)) for known in ("2025-03-10", "2025-06-01"))
    assert list(rows["invoice_id"]) == ["A2", "A3"]
    assert early.entry.tolist() == [-6, -25]
    assert early.paid.tolist() == [-2, np.inf]
    assert early.followed.tolist() == [7, -12]
    assert late.paid.tolist() == [-2, 34]
