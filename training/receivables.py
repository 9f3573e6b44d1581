"""Who owes what, who will pay late, and what comes in: the books as of an instant, with what the models say of them."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from features.ledger.ageing import ageing_over_time
from features.ledger.ledger import bucket_columns, open_ledger
from features.ledger.measures import customer_measures, portfolio_measures
from features.ledger.names import MINOR_PER_CURRENCY
from features.progress import Progress, silent
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.credit_score.fit import features_of
from training.credit_score.model import CreditScore
from training.late_payment.bills import tells_settlement
from training.late_payment.model import LatePayment, cash_forecast, customers_of

CUSTOMER = "customer_id"
WEEKS = 8
MONTHS = 12
OF_PAYMENT = ("late_probability", "late_30_probability", "expected_late_amount", "expected_loss")
KEYS_OF_OPEN = ("invoice_id", "customer_id", "issued_at", "amount", "open_amount", "days_overdue", "bucket", "disputed")


@dataclass(frozen=True)
class Receivables:
    """The books as of an instant; amounts in currency.

    ``customers``: one row each by customer_id, of those with an invoice or money on file: balance, open, overdue,
    open_BUCKET, disputed_open, unapplied, oldest_overdue_days, open_items, credit_limit, credit_used_share, the measures of
    the last 365 days (`features.ledger.names.MEASURES`), and, where the models serve, late_probability and
    late_30_probability (weighted by open amount), expected_late_amount, expected_loss, and the columns of
    `CreditScore.rate`. ``invoices``: one row an open invoice, by customer and due day: the columns of `KEYS_OF_OPEN` and
    what `LatePayment.scored` says. ``ageing``: month_end, open_BUCKET, open, unapplied, balance. ``cash``: see
    `cash_forecast`; None where no model of late payment serves.
    """

    as_of: datetime
    customers: pd.DataFrame
    invoices: pd.DataFrame
    portfolio: dict[str, float]
    measures: dict[str, float | None]
    ageing: pd.DataFrame
    cash: pd.DataFrame | None


def receivables(
    facts: Facts,
    as_of: datetime,
    late: LatePayment | None = None,
    credit: CreditScore | None = None,
    progress: Progress = silent,
) -> Receivables:
    """The receivables of a project as they were known before ``as_of`` (aware).

    Raises FactsError: there are no invoices, or nothing tells what was paid; AsOfError; ModelError: a model does not fit.
    """
    progress(Text("matching invoices and money", "核对发票与收款"), 0.1)
    ledger = open_ledger(facts, as_of)
    try:
        customers = _in_currency(ledger.customers().to_pandas()).set_index(CUSTOMER)
        items = _in_currency(ledger.items().to_pandas())
        portfolio = {name.removesuffix("_minor"): _currency(name, value) for name, value in ledger.portfolio().items()}
        progress(Text("measuring collection", "计算收款指标"), 0.4)
        measures = portfolio_measures(ledger)
        customers = customers.join(customer_measures(ledger).to_pandas().set_index(CUSTOMER))
    finally:
        ledger.close()
    invoices = items[items["open"] > 0].rename(columns={"open": "open_amount"})
    invoices = invoices[[*KEYS_OF_OPEN[:3], "due_at", *KEYS_OF_OPEN[3:]]].reset_index(drop=True)
    progress(Text("following ageing over the months", "计算各月账龄"), 0.5)
    ageing = _in_currency(ageing_over_time(facts, as_of, MONTHS).to_pandas())
    cash = None
    if late is not None:
        progress(Text("who will pay when", "预测付款时间"), 0.6)
        said = late.invoices(facts, as_of)
        invoices = invoices.merge(
            said.drop(columns=["customer_id", "amount", "open_amount", "due_at"]), on="invoice_id", how="left"
        )
        customers = customers.join(customers_of(said).set_index(CUSTOMER)[list(OF_PAYMENT)])
        cash = cash_forecast(late, facts, as_of, WEEKS)
    if credit is not None:
        progress(Text("rating credit", "评定信用等级"), 0.8)
        frame = snapshot(facts, [as_of], features=features_of(facts)).to_pandas().set_index(CUSTOMER)
        customers = customers.join(credit.rate(frame), how="left")
    progress(Text("done", "完成"), 1.0)
    return Receivables(as_of, customers.sort_index(), invoices, portfolio, measures, ageing, cash)


def tells_of_payment(facts: Facts) -> bool:
    """Whether there are invoices, and what was paid on them is told."""
    return tells_settlement(facts)


def _in_currency(frame: pd.DataFrame) -> pd.DataFrame:
    """Amounts in hundredths as amounts in currency, under names without _minor."""
    told = frame.copy(deep=False)
    for name in [n for n in map(str, frame) if n.endswith("_minor")]:
        told[name] = frame[name].astype("float64") / MINOR_PER_CURRENCY
    return told.rename(columns={n: n.removesuffix("_minor") for n in map(str, told)})


def _currency(name: str, value: int) -> float:
    return value / MINOR_PER_CURRENCY if name.endswith("_minor") else float(value)


def buckets() -> tuple[str, ...]:
    """Columns with the open amount of each ageing bucket, youngest first."""
    return tuple(name.removesuffix("_minor") for name in bucket_columns())


def expected_overdue(invoices: pd.DataFrame) -> pd.DataFrame:
    """Open invoices that are not due yet, those first of which most money is expected to come late."""
    ahead = invoices[invoices["days_overdue"] == 0]
    weight = ahead["open_amount"] * ahead["late_30_probability"]
    ordered: pd.DataFrame = ahead.iloc[np.argsort(-weight.to_numpy(), kind="stable")]
    return ordered
