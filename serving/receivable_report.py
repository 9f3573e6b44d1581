"""Who owes what and how to answer, put together for a report: the books, the models, the credit classes, the policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from features.errors import AsOfError, FactsError
from features.progress import Progress, part_of, silent
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from serving.debts import debtor_frame
from serving.decisions.playbook import load_playbook
from serving.gathering import names_at
from serving.receivable_schemas import HIGH
from training.credit_score.model import CLASSES
from training.late_payment.bills import tells_settlement
from training.payment_models import PaymentModels, payment_models
from training.receivables import WEEKS, Receivables, expected_overdue, receivables
from training.standing import standing

CUSTOMER = "customer_id"


@dataclass(frozen=True)
class ReceivableReport:
    """The receivables of a project as of an instant.

    ``debtors``: see `debtor_frame`, with the customer's name (None: not on file). ``classes``: one row a credit class with
    credit_class, customers, open, overdue, overdue_share, expected_loss (NaN without a model of late payment),
    judged_customers and judged_rate (share that grew overdue out of time); None without a credit score. ``to_answer``: the
    debtors something is to be done about, the largest overdue amount first. ``ahead``: open invoices that are not due yet and
    likely to be late, the most money first; empty without a model of late payment.
    """

    found: Receivables
    models: PaymentModels
    debtors: pd.DataFrame
    classes: pd.DataFrame | None
    to_answer: pd.DataFrame
    ahead: pd.DataFrame


def receivable_report(
    facts: Facts, as_of: datetime, weeks: int = WEEKS, progress: Progress = silent
) -> ReceivableReport:
    """The report as of an instant (aware), with the cash of the next ``weeks`` (1 to 12).

    Raises FactsError: there are no invoices, or nothing tells what was paid on them; AsOfError: no invoice is known before
    the instant; ModelError, StorageError: what is registered cannot be read; ProjectError: the playbook cannot.
    """
    _check(facts, as_of)
    policy = load_playbook(facts.project).policy
    models = payment_models(facts, as_of, part_of(progress, 0.0, 0.6))
    found = receivables(facts, as_of, models.late, part_of(progress, 0.6, 0.8), weeks)
    progress(Text("how to answer each debtor", "确定各欠款客户的处理方式"), 0.8)
    frame = snapshot(facts, [as_of]).to_pandas()
    known = pd.concat([frame, standing(facts, frame, as_of)], axis=1).set_index(CUSTOMER)
    names = names_at(facts, as_of).set_index(CUSTOMER)["name"]
    debtors = debtor_frame(found, known, policy, models.credit).assign(name=names.reindex(found.customers.index))
    return ReceivableReport(
        found,
        models,
        debtors,
        None
        if models.credit is None
        else credit_classes(debtors, models.credit.class_sizes, models.credit.class_rates),
        _to_answer(debtors),
        _ahead(found.invoices),
    )


def credit_classes(
    debtors: pd.DataFrame, judged_customers: Sequence[int], judged_rates: Sequence[float | None]
) -> pd.DataFrame:
    """What is open in each credit class, and what came true in it when the score was judged; see `ReceivableReport`."""
    loss = debtors["expected_loss"] if "expected_loss" in debtors else pd.Series(np.nan, debtors.index)
    parts = debtors.assign(expected_loss=loss, customers=1).groupby("credit_class")
    sums = parts[["customers", "open", "overdue", "expected_loss"]].sum(min_count=1).reindex(list(CLASSES))
    counted = sums.fillna({"customers": 0, "open": 0.0, "overdue": 0.0}).astype({"customers": "int64"})
    return counted.assign(
        overdue_share=counted["overdue"] / counted["open"].where(counted["open"] > 0),
        judged_customers=list(judged_customers),
        judged_rate=[np.nan if rate is None else rate for rate in judged_rates],
    ).reset_index()


def _check(facts: Facts, as_of: datetime) -> None:
    """Refuse what no books can be made of."""
    if not tells_settlement(facts):
        raise FactsError(_UNTOLD, tables=", ".join(sorted(facts.columns)))
    [(first, last)] = facts.connection.sql("SELECT min(issued_at), max(issued_at) FROM invoices").fetchall()
    if first is None:
        raise FactsError(_NONE)
    zone = facts.project.timezone
    first, last = (day.replace(tzinfo=UTC).astimezone(zone) for day in (first, last))
    if as_of <= first:
        raise AsOfError(_TOO_EARLY, as_of=as_of.astimezone(zone), first=first, last=last)


def _to_answer(debtors: pd.DataFrame) -> pd.DataFrame:
    asked = debtors[debtors["credit_response"] != "none"].rename_axis(CUSTOMER).reset_index()
    return asked.sort_values(["overdue", "open", CUSTOMER], ascending=[False, False, True], ignore_index=True)


def _ahead(invoices: pd.DataFrame) -> pd.DataFrame:
    if "late_probability" not in invoices:
        return invoices.head(0)
    return expected_overdue(invoices[invoices["late_probability"] >= HIGH])


_UNTOLD = Text(
    "Receivables need invoices and what was paid on them; the project gives {tables}. Add [tables.invoices] with settled_at,"
    " or with a table [tables.payments].",
    "应收账款分析需要发票及其付款情况；项目现有 {tables}。请添加含 settled_at 的 [tables.invoices]，或另加 [tables.payments] 表。",
)
_NONE = Text(
    "The table of invoices has no row that can be used. 'retinue check' says why rows were set aside.",
    "发票表中没有可用的行。“retinue check”会说明各行被搁置的原因。",
)
_TOO_EARLY = Text(
    "No invoice is known before {as_of:%Y-%m-%d}: they run from {first:%Y-%m-%d} to {last:%Y-%m-%d}. Choose a later date.",
    "{as_of:%Y-%m-%d} 之前没有任何发票：发票日期从 {first:%Y-%m-%d} 到 {last:%Y-%m-%d}。请选择更晚的日期。",
)
