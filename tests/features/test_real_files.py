"""Real files as companies export them, found through RETINUE_TEST_DATA; without it these tests are skipped."""

import gzip
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from features.project import PROJECT_FILE, load_project
from features.proposal import propose
from features.snapshot import snapshot
from features.sources import open_facts

DATA = os.environ.get("RETINUE_TEST_DATA")
RECEIVABLES = "ibm_accounts_receivable.csv.gz"

pytestmark = pytest.mark.skipif(DATA is None, reason="RETINUE_TEST_DATA names no folder with real files")


@pytest.fixture
def receivables(tmp_path: Path) -> Path:
    """A folder with two years of invoices, dates written month first, and the project file that `init` proposes."""
    shutil.copy(Path(str(DATA)) / RECEIVABLES, tmp_path)
    (tmp_path / PROJECT_FILE).write_text(propose(tmp_path).toml("en"), encoding="utf-8")
    return tmp_path


def test_the_proposed_project_reads_every_invoice(receivables: Path) -> None:
    with open_facts(load_project(receivables)) as facts:
        [(invoices, customers, open_ones)] = facts.connection.sql(
            "SELECT count(*), count(DISTINCT customer_id), count(*) FILTER (settled_at IS NULL) FROM invoices"
        ).fetchall()
        assert facts.readings["invoices"].set_aside == 0
    assert (invoices, customers, open_ones) == (2466, 100, 0)


def test_days_to_pay_and_lateness_agree_with_what_the_file_says_itself(receivables: Path) -> None:
    """The file carries its own count of days to settle and of days late (never below zero)."""
    with open_facts(load_project(receivables)) as facts:
        made = snapshot(facts, [datetime(2013, 7, 1, tzinfo=UTC)]).to_pandas().set_index("customer_id")

    with gzip.open(receivables / RECEIVABLES) as file:
        told = pd.read_csv(file, dtype={"customerID": str})
    settled = pd.to_datetime(told["SettledDate"], format="%m/%d/%Y")
    known = told[(settled >= "2012-07-01") & (settled < "2013-07-01")]

    assert len(known) > 1000
    expected = known.groupby("customerID")["DaysToSettle"].mean()
    pd.testing.assert_series_equal(
        made["days_to_pay_mean_365d"].dropna(), expected, check_names=False, check_index_type=False
    )
    # the worst of a year's invoices is at least as bad as the worst that was settled in it and issued in it
    issued = pd.to_datetime(known["InvoiceDate"], format="%m/%d/%Y")
    late_and_issued = known[issued >= "2012-07-01"].groupby("customerID")["DaysLate"].max()
    assert (made.loc[late_and_issued.index, "days_late_worst_365d"] >= late_and_issued).all()
    assert (late_and_issued > 0).sum() > 50


def test_what_settles_after_the_date_is_open_on_it(receivables: Path) -> None:
    as_of = datetime(2013, 7, 1, tzinfo=UTC)
    with open_facts(load_project(receivables)) as facts:
        made = snapshot(facts, [as_of]).to_pandas()
        [(expected,)] = facts.connection.sql(
            "SELECT sum(amount) FROM invoices WHERE issued_at < '2013-07-01' AND settled_at >= '2013-07-01'"
        ).fetchall()
    assert made["open_balance"].sum() == pytest.approx(expected)
    assert expected > 0
