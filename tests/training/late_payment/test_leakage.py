"""Columns of invoices that know what came later."""

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from features.project import PROJECT_FILE, load_project
from features.proposal import propose
from features.sources import open_facts
from tests.training.late_payment.companies import day
from training.late_payment.bills import bills
from training.late_payment.leakage import invoice_leakage
from training.late_payment.rows import new_rows, outcomes_of, with_known_habits

Bools = NDArray[np.bool_]

DATA = os.environ.get("RETINUE_TEST_DATA")


def rows_at_issue(seed: int, rows: int = 2_000) -> tuple[pd.DataFrame, Bools]:
    generator = np.random.default_rng(seed)
    share = np.repeat(generator.beta(1, 3, rows // 20), 20)
    late = generator.random(rows) < share
    frame = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(rows // 20), 20).astype(str),
            "as_of": day("2024-01-01") + pd.to_timedelta(generator.integers(0, 365, rows), unit="D"),
            "late_share_365": np.clip(share + generator.normal(0, 0.1, rows), 0, 1),
            "own_mean_late_days": 20 * share + generator.normal(0, 2, rows),
            "amount": generator.gamma(2, 100, rows),
            "express": generator.random(rows) < 0.3,
        }
    )
    return frame, late


def verdicts(frame: pd.DataFrame, late: Bools, *columns: str) -> list[str]:
    return [finding.severity for finding in invoice_leakage(frame, late, columns)]


def test_a_column_that_is_filled_when_an_invoice_is_late_is_found() -> None:
    frame, late = rows_at_issue(1)
    generator = np.random.default_rng(2)
    frame["reminded"] = late & (generator.random(len(late)) < 0.5)
    assert verdicts(frame, late, "reminded", "amount", "express") == ["failed", "passed", "passed"]


def test_a_rare_mark_is_found_by_those_that_bear_it() -> None:
    frame, late = rows_at_issue(3, 10_000)
    generator = np.random.default_rng(4)
    frame["to_the_lawyer"] = late & (generator.random(len(late)) < 0.02)
    [found] = invoice_leakage(frame, late, ["to_the_lawyer"])
    assert found.severity == "failed"
    assert "100% are paid late" in found.what.en
    assert found.next_step is not None


def test_a_mark_that_the_newest_invoices_lack_is_filled_later() -> None:
    frame, late = rows_at_issue(5)
    age = (frame["as_of"].max() - frame["as_of"]).dt.days
    frame["approved"] = (np.random.default_rng(6).random(len(late)) < 0.4) & (age > 30)
    [found] = invoice_leakage(frame, late, ["approved"])
    assert found.severity == "failed"
    assert "filled later" in found.what.en


@pytest.mark.skipif(DATA is None, reason="RETINUE_TEST_DATA names no folder with real files")
def test_disputed_is_found_in_real_receivables_and_the_honest_columns_are_not(tmp_path: Path) -> None:
    source = Path(str(DATA)) / "ibm_accounts_receivable.csv.gz"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / PROJECT_FILE).write_text(propose(tmp_path).toml("en"), encoding="utf-8")
    begin, end = day("2012-06-01"), day("2014-06-01")
    with open_facts(load_project(tmp_path)) as facts, bills(facts, end):
        rows = new_rows(facts, [begin + timedelta(days=56 * n) for n in range(13)], end)
        is_late, _ = outcomes_of(facts, rows, end).later_than(1)
    columns = ["disputed", "amount", "due_weekday", "due_month_day"]
    found = invoice_leakage(with_known_habits(rows, 0.0, 5.0), is_late == 1, columns)
    assert [finding.severity for finding in found] == ["failed", "passed", "passed", "passed"]
    assert found[0].subject == "invoices.disputed"
