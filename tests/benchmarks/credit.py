"""Whether credit classes come true in their order: simulated trading companies, rated on a day and judged by what came.

Each company's score is learnt from what was known on that day; of everybody who then had something to pay within 90 days,
those count as bad who let an invoice grow more than 30 days old. Rates of the classes are held to rise from A to E, of
all companies together. Beside the score stands the share of last year's invoices that were late.

Debtors are also told apart by their signs: who was in trouble on that day, as only the simulation knows, should be said
not to be able to pay, and who was not, not to want to.

Run as ``python -m tests.benchmarks.credit``.
"""

import tempfile
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from features.project import Project, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import truth_of, write_project
from features.snapshot import snapshot
from features.sources import open_facts
from serving.decisions.payers import payers
from tests.benchmarks.report import Result, at_least, write
from training.credit_score.fit import features_of, fit_credit_score
from training.credit_score.model import CLASSES
from training.credit_score.outcomes import labelled_rows
from training.dataset import LABEL
from training.late_payment.bills import bills

COMPANIES, CUSTOMERS, SEED = 3, 3000, 1
BEGIN, RATED, END = date(2023, 7, 1), date(2026, 3, 1), date(2026, 7, 1)


def rated(project: Project) -> pd.DataFrame:
    """Everybody with something to pay after the day: credit_class, credit_probability, late_share_365d and what came."""
    as_of, end = (datetime(day.year, day.month, day.day, tzinfo=project.timezone) for day in (RATED, END))
    credit = project.credit
    with open_facts(project) as facts:
        score = fit_credit_score(facts, as_of, SEED)
        with bills(facts, end):
            rows = labelled_rows(facts, [as_of], features_of(facts), credit.horizon_days, credit.overdue_days)
    return rows[["customer_id", LABEL, "late_share_365d"]].join(score.rate(rows))


def told_apart(project: Project, truth: Path) -> pd.DataFrame:
    """Debtors on the day: payer, and whether they were in trouble."""
    as_of = datetime(RATED.year, RATED.month, RATED.day, tzinfo=project.timezone)
    with open_facts(project) as facts:
        frame = snapshot(facts, [as_of]).to_pandas().set_index("customer_id")
    debtors = frame[frame["overdue_balance"] > 0]
    known = pq.read_table(truth / "customers.parquet").to_pandas().set_index("customer_id").reindex(debtors.index)
    day = pd.Timestamp(RATED)
    begins, ends = (pd.to_datetime(known[name]).dt.tz_localize(None) for name in ("trouble_from", "trouble_until"))
    return payers(debtors).assign(in_trouble=(begins <= day) & ((ends > day) | ends.isna()))


def measure(folder: Path) -> list[Result]:
    """All figures, of companies that are written into ``folder``."""
    found, debtors = [], []
    for seed in range(1, COMPANIES + 1):
        plan = planned(seed, CUSTOMERS, BEGIN, END, Company(with_credit=True), ())
        file = write_project(folder / str(seed), plan)
        found.append(rated(load_project(file)))
        debtors.append(told_apart(load_project(file), truth_of(folder / str(seed))))
    return [*_classes(pd.concat(found, ignore_index=True)), *_payers(pd.concat(debtors, ignore_index=True))]


def _classes(rows: pd.DataFrame) -> list[Result]:
    by_class = rows.groupby("credit_class")[LABEL].agg(["mean", "size"]).reindex(list(CLASSES))
    auc = roc_auc_score(rows[LABEL], rows["credit_probability"])
    naive = roc_auc_score(rows[LABEL], rows["late_share_365d"].fillna(rows["late_share_365d"].median()))
    rising = float(np.min(np.diff(by_class["mean"].dropna())))
    return [
        at_least("trading: least rise of the overdue rate from one credit class to the next", rising, "share", 0.0),
        at_least("trading: AUC of the credit score", float(auc), "AUC", float(naive)),
        Result("trading: AUC of last year's late share alone", float(naive), "AUC"),
        *(
            Result(f"trading: grew overdue of {int(row['size']):,} customers in class {name}", float(row["mean"]), "share")
            for name, row in by_class.dropna().iterrows()
        ),
        Result("trading: mean probability less share that grew overdue",
               float(rows["credit_probability"].mean() - rows[LABEL].mean()), "share"),
    ]  # fmt: skip


def _payers(rows: pd.DataFrame) -> list[Result]:
    told = rows[rows["payer"] != "unclear"]
    cannot = told["payer"] == "cannot_pay"
    return [
        Result("trading: debtors in trouble, of those said to be unable to pay", float(told[cannot]["in_trouble"].mean()), "share"),
        Result("trading: debtors in trouble, of those said not to want to", float(told[~cannot]["in_trouble"].mean()), "share"),
        Result("trading: debtors in trouble, of all", float(rows["in_trouble"].mean()), "share"),
        Result("trading: debtors of whom it is told", len(told) / len(rows), "share"),
    ]  # fmt: skip


def main() -> None:
    """Run the benchmark and write what was found."""
    with tempfile.TemporaryDirectory(prefix="retinue-credit-") as folder:
        write("credit", measure(Path(folder)))


if __name__ == "__main__":
    main()
