"""Who pays late, and the money of the weeks to come: IBM's receivables (real file), and trading companies (simulated).

IBM: learnt from the 1,628 invoices settled by 2013-05-06, judged on the 738 issued later, each scored at its issue from
what was known then; when a customer's bills became electronic is on file with its date and is a feature of the project's
own. ``disputed`` is known only after the invoice, and is what the check of leaks must find. Trading: learnt as of
2025-11-03, then a forecast of eight weeks at each of 26 weekly origins with the same model, against what came in.

Run as ``python -m tests.benchmarks.receivables [--only ibm|trading]``; the IBM file is found through RETINUE_TEST_DATA.
"""

import argparse
import os
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from features.project import PROJECT_FILE, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from features.simulation.write import months_before
from features.sources import Facts, open_facts
from tests.benchmarks.report import Result, at_least, at_most, write
from training.late_payment.bills import BILLS, bills
from training.late_payment.cash import actual_weeks
from training.late_payment.fit import fit_late_payment
from training.late_payment.leakage import invoice_leakage
from training.late_payment.model import LatePayment, cash_forecast
from training.late_payment.rows import new_rows, outcomes_of, with_known_habits

SEED = 1
FILE = "ibm_accounts_receivable.csv.gz"
LEARNT, ENDS = datetime(2013, 5, 7, tzinfo=UTC), datetime(2014, 6, 1, tzinfo=UTC)
COLUMNS = ("disputed", "amount", "due_weekday", "due_month_day")
TOML = """
[project]
name = "ibm"
currency = "EUR"
[tables.invoices]
path = "{file}"
[tables.invoices.columns]
invoice_id = "invoiceNumber"
customer_id = "customerID"
issued_at = {{ column = "InvoiceDate", format = "%m/%d/%Y" }}
due_at = {{ column = "DueDate", format = "%m/%d/%Y" }}
amount = "InvoiceAmount"
disputed = "Disputed"
settled_at = {{ column = "SettledDate", format = "%m/%d/%Y" }}
[tables.interactions]
path = "{file}"
[tables.interactions.columns]
customer_id = "customerID"
at = {{ column = "PaperlessDate", format = "%m/%d/%Y" }}
kind = "PaperlessBill"
[features.electronic_billing]
table = "interactions"
sql = "max(1)"
unit = "flag"
meaning = {{ en = "Whether the customer's bills are electronic", zh = "客户是否已改用电子账单" }}
empty = 0
[features.days_since_electronic_billing]
table = "interactions"
sql = "max(age_days)"
unit = "days"
meaning = {{ en = "Days since the customer's bills became electronic", zh = "改用电子账单以来的天数" }}
"""
"""One row of the file is an invoice, and says when its customer's bills became electronic; no feature reads the kind."""

TRADING_SEEDS, TRADING_CUSTOMERS, TRADING_MONTHS, TRADING_END = (1, 2, 3), 500, 30, date(2026, 7, 1)
TRADING_LEARNT, ORIGINS, WEEKS, FIRST_WEEKS = (2025, 11, 3), 26, 8, 4


def measure(folder: Path) -> list[Result]:
    """The figures on IBM's receivables; none where the file is not there. ``folder`` is empty or not there yet."""
    source = Path(os.environ.get("RETINUE_TEST_DATA", "")) / FILE
    if not source.is_file():
        print(f"ibm is left out: RETINUE_TEST_DATA names no folder with {FILE}.")
        return []
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, folder)
    (folder / PROJECT_FILE).write_text(TOML.format(file=FILE), encoding="utf-8")
    with open_facts(load_project(folder)) as facts:
        model = fit_late_payment(facts, LEARNT, SEED)
        said = model.new_invoices(facts, LEARNT, ENDS)
        with bills(facts, ENDS):
            truth = facts.connection.sql(
                f"SELECT invoice_id, settled_day, date_diff('day', due_day, settled_day) AS late_days FROM {BILLS}"
            ).df()
        average = facts.connection.execute(
            "SELECT customer_id, avg(date_diff('day', due_day, settled_day)) AS own FROM invoices WHERE settled_at < $1"
            " GROUP BY 1",
            [LEARNT.replace(tzinfo=None)],
        ).df()
        leaks = _leaks(facts, model)
    judged = said.merge(truth, on="invoice_id").merge(average, on="customer_id", how="left")
    return [*_ibm_figures(judged), *leaks]


def _ibm_figures(judged: pd.DataFrame) -> list[Result]:
    is_late = (judged["late_days"] > 0).astype(int)
    off = (judged["expected_paid_at"] - judged["settled_day"]).dt.days.abs().mean()
    own = (judged["late_days"] - judged["own"]).abs().mean()
    inside = judged["settled_day"].between(judged["expected_paid_low"], judged["expected_paid_high"]).mean()
    return [
        Result("ibm: invoices judged", float(len(judged)), ""),
        at_least(
            "ibm: AUC of being paid late, at issue",
            float(roc_auc_score(is_late, judged["late_probability"])),
            "",
            0.885,
        ),
        at_most(
            "ibm: AUC above which a leak would be likely",
            float(roc_auc_score(is_late, judged["late_probability"])),
            "",
            0.9,
        ),
        at_most("ibm: Brier score", float(brier_score_loss(is_late, judged["late_probability"])), "", 0.123),
        at_most("ibm: mean absolute error of the expected day", float(off), "days", float(own)),
        at_least("ibm: payments inside the 80 % interval", float(inside), "", 0.77),
        at_most("ibm: payments inside the 80 % interval, at most", float(inside), "", 0.83),
    ]


def _leaks(facts: Facts, model: LatePayment) -> list[Result]:
    """How many columns the check of leaks fails: it should be ``disputed``, and no other."""
    begin = datetime(2012, 6, 1, tzinfo=UTC)
    with bills(facts, ENDS):
        rows = new_rows(facts, [begin + timedelta(days=28 * n) for n in range(26)], ENDS)
        is_late, _ = outcomes_of(facts, rows, ENDS).later_than(1)
    rows = with_known_habits(rows, model.usual_days, model.spread_days)
    failed = {
        f.subject.partition(".")[2] for f in invoice_leakage(rows, is_late == 1, COLUMNS) if f.severity == "failed"
    }
    return [
        at_least("ibm: the check of leaks finds 'disputed'", float("disputed" in failed), "", 1.0),
        at_most("ibm: honest columns that it takes for leaks", float(len(failed - {"disputed"})), "", 0.0),
    ]


def measure_trading(folder: Path, seeds: tuple[int, ...] = TRADING_SEEDS) -> list[Result]:
    """Back-tests of the weekly forecast on simulated trading companies, one a seed, and all together."""
    parts = {seed: _back_test(folder / f"trading-{seed}", seed) for seed in seeds}
    figures = [result for seed, part in parts.items() for result in _cash_figures(f"trading {seed}", *part)]
    errors = [result.value for result in figures if result.what.endswith("the sum of four weeks")]
    inside = float(np.mean([((low <= came) & (came <= high)).mean() for _, low, high, came, _ in parts.values()]))
    return [
        *figures,
        at_most("trading, all seeds: error of the sum of four weeks", float(np.mean(errors)), "share", 0.08),
        at_least("trading, all seeds: weeks inside the 80 % interval", inside, "", 0.75),
        at_most("trading, all seeds: weeks inside the 80 % interval, at most", inside, "", 0.85),
    ]


Floats = NDArray[np.float64]
Arrays = tuple[Floats, Floats, Floats, Floats, Floats]


def _back_test(folder: Path, seed: int) -> Arrays:
    """Expected, low, high, actual amounts and the mean of the last weeks, each of shape (origins, weeks)."""
    start = months_before(TRADING_END, TRADING_MONTHS)
    write_project(folder, planned(seed, TRADING_CUSTOMERS, start, TRADING_END, Company(), None))
    project = load_project(folder)
    learnt = datetime(*TRADING_LEARNT, tzinfo=project.timezone)
    end = datetime.combine(TRADING_END, datetime.min.time(), project.timezone)
    origins = [learnt + timedelta(days=7 * week) for week in range(ORIGINS)]
    with open_facts(project) as facts:
        model = fit_late_payment(facts, learnt, SEED)
        tables = [cash_forecast(model, facts, origin, WEEKS) for origin in origins]
        with bills(facts, end):
            came = actual_weeks(facts, origins, WEEKS, end)
            before = actual_weeks(facts, [origin - timedelta(days=7 * WEEKS) for origin in origins], WEEKS, end)
    expected, low, high = (np.array([table[column] for table in tables]) for column in ("expected", "low", "high"))
    return expected, low, high, came, np.repeat(before.mean(axis=1, keepdims=True), WEEKS, axis=1)


def _cash_figures(name: str, expected: Floats, low: Floats, high: Floats, came: Floats, naive: Floats) -> list[Result]:
    total = came[:, :FIRST_WEEKS].sum(axis=1)
    off, naive_off = (
        float((np.abs(own[:, :FIRST_WEEKS].sum(axis=1) - total) / total).mean()) for own in (expected, naive)
    )
    inside = float(((low <= came) & (came <= high)).mean())
    return [
        Result(f"{name}: error of the sum of four weeks", off, "share"),
        Result(f"{name}: that of the last weeks' mean", naive_off, "share"),
        Result(f"{name}: weeks inside the 80 % interval", inside, ""),
    ]


def main() -> None:
    """Run the benchmark on what is wanted and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("ibm", "trading"), help="one of them instead of both")
    only = parser.parse_args().only
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="retinue-receivables-") as folder:
        if only != "trading":
            results += measure(Path(folder) / "ibm")
        if only != "ibm":
            results += measure_trading(Path(folder))
    write("receivables", results)


if __name__ == "__main__":
    main()
