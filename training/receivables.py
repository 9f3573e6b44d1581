"""Who owes what, who will pay late, and what comes in: the books as of an instant, with what the models say of them."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from features.ledger.ageing import ageing_over_time
from features.ledger.ledger import Ledger, bucket_columns, open_ledger
from features.ledger.measures import customer_measures, portfolio_measures
from features.ledger.names import MINOR_PER_CURRENCY
from features.progress import Progress, silent
from features.sources import Facts
from features.text import Text
from training.late_payment.model import LatePayment, cash_forecast, customers_of

CUSTOMER = "customer_id"
WEEKS = 8
MONTHS = 12
OF_PAYMENT = ("late_probability", "late_30_probability", "expected_late_amount", "expected_loss")
KEYS_OF_OPEN = ("invoice_id", "customer_id", "issued_at", "amount", "open_amount", "days_overdue", "bucket", "disputed")


@dataclass(frozen=True)
class Owed:
    """Who owes what as of an instant; amounts in currency.

    ``customers``: one row each by customer_id, of those with an invoice or money on file: balance, open, overdue,
    open_BUCKET, disputed_open, unapplied, oldest_overdue_days, open_items, credit_limit, credit_used_share, the measures of
    the last 365 days (`features.ledger.names.MEASURES`), and, where the model serves, late_probability and
    late_30_probability (weighted by open amount), expected_late_amount and expected_loss. ``invoices``: one row an open
    invoice, by customer and due day: the columns of `KEYS_OF_OPEN` and what `LatePayment.scored` says.
    """

    as_of: datetime
    customers: pd.DataFrame
    invoices: pd.DataFrame


@dataclass(frozen=True)
class Receivables(Owed):
    """The same with what a report shows of all together.

    ``portfolio`` and ``measures``: the amounts and measures of all customers. ``ageing``: month_end, open_BUCKET, open,
    unapplied, balance. ``cash``: see `cash_forecast`; None where no model of late payment serves.
    """

    portfolio: dict[str, float]
    measures: dict[str, float | None]
    ageing: pd.DataFrame
    cash: pd.DataFrame | None


def owed(facts: Facts, as_of: datetime, late: LatePayment | None = None) -> Owed:
    """Who owes what as it was known before ``as_of`` (aware).

    Raises FactsError: there are no invoices, or nothing tells what was paid; AsOfError; ModelError: the model does not fit.
    """
    ledger = open_ledger(facts, as_of)
    try:
        return _owed(ledger, late)
    finally:
        ledger.close()


def receivables(
    facts: Facts,
    as_of: datetime,
    late: LatePayment | None = None,
    progress: Progress = silent,
    weeks: int = WEEKS,
) -> Receivables:
    """The same for a report, with the cash of the next ``weeks``. Raises what `owed` does."""
    progress(Text("matching invoices and money, and who will pay when", "核对发票与收款，预测付款时间"), 0.1)
    ledger = open_ledger(facts, as_of)
    try:
        found = _owed(ledger, late)
        progress(Text("measuring collection", "计算收款指标"), 0.5)
        portfolio = {name.removesuffix("_minor"): _currency(name, value) for name, value in ledger.portfolio().items()}
        measures = portfolio_measures(ledger)
    finally:
        ledger.close()
    progress(Text("following ageing over the months", "计算各月账龄"), 0.6)
    ageing = _in_currency(ageing_over_time(facts, as_of, MONTHS).to_pandas())
    progress(Text("foretelling the cash of each week", "预测每周现金"), 0.8)
    cash = None if late is None else cash_forecast(late, facts, as_of, weeks)
    progress(Text("done", "完成"), 1.0)
    return Receivables(as_of, found.customers, found.invoices, portfolio, measures, ageing, cash)


def _owed(ledger: Ledger, late: LatePayment | None) -> Owed:
    customers = _in_currency(ledger.customers().to_pandas()).set_index(CUSTOMER)
    customers = customers.join(customer_measures(ledger).to_pandas().set_index(CUSTOMER)).sort_index()
    invoices = _in_currency(ledger.open_items().to_pandas()).rename(columns={"open": "open_amount"})
    invoices = invoices[[*KEYS_OF_OPEN[:3], "due_at", *KEYS_OF_OPEN[3:]]]
    invoices["due_at"] = _day(invoices["due_at"], ledger.facts)
    if late is not None:
        said = late.invoices(ledger.facts, ledger.as_of)
        known = said.drop(columns=["customer_id", "amount", "open_amount", "due_at"])
        invoices = invoices.merge(known, on="invoice_id", how="left")
        customers = customers.join(customers_of(said).set_index(CUSTOMER)[list(OF_PAYMENT)])
    return Owed(ledger.as_of, customers, invoices)


def _day(instants: pd.Series, facts: Facts) -> pd.Series:
    """Instants (naive UTC) as days on the project's calendar."""
    zoned = pd.to_datetime(instants).dt.tz_localize("UTC").dt.tz_convert(facts.project.project.timezone)
    days: pd.Series = zoned.dt.tz_localize(None).dt.normalize()
    return days


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
