"""The books of a company that records settlements only, found through RETINUE_TEST_DATA; without it they are skipped."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.ledger import open_ledger, portfolio_measures
from features.project import PROJECT_FILE, load_project
from features.proposal import propose
from features.sources import open_facts

DATA = os.environ.get("RETINUE_TEST_DATA")
RECEIVABLES = "ibm_accounts_receivable.csv.gz"

pytestmark = pytest.mark.skipif(DATA is None, reason="RETINUE_TEST_DATA names no folder with real files")


def test_what_is_open_is_what_was_settled_later(tmp_path: Path) -> None:
    shutil.copy(Path(str(DATA)) / RECEIVABLES, tmp_path)
    (tmp_path / PROJECT_FILE).write_text(propose(tmp_path).toml("en"), encoding="utf-8")
    with open_facts(load_project(tmp_path)) as facts:
        ledger = open_ledger(facts, datetime(2013, 1, 1, tzinfo=UTC))
        portfolio, items = ledger.portfolio(), ledger.items()
        measured = portfolio_measures(ledger, 365)
        [(owed, overdue, count, sales, late)] = facts.connection.execute(
            "SELECT sum(amount) FILTER (settled_at >= '2013-01-01'),"
            " sum(amount) FILTER (settled_at >= '2013-01-01' AND due_at < '2013-01-01'),"
            " count(*) FILTER (settled_at >= '2013-01-01'), sum(amount),"
            " count(*) FILTER (settled_at > due_at AND due_at < '2013-01-01')"
            "   / count(*) FILTER (settled_at < '2013-01-01' OR due_at < '2013-01-01')"
            " FROM invoices WHERE issued_at < '2013-01-01'"
        ).fetchall()
    found = (portfolio["balance_minor"], portfolio["overdue_minor"], portfolio["open_items"])
    assert found == (round(100 * owed), round(100 * overdue), count) == (572_506, 85_795, 99)
    assert items.num_rows > 1_000
    assert measured["dso_days"] == pytest.approx(owed / sales * 365)
    assert measured["late_share"] == pytest.approx(late)
