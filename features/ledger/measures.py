"""How well receivables are collected over the days before the books: DSO and its kin, per customer and altogether.

With *owed* = what a customer owes net of its unapplied money, not below zero (money that a customer has with us is no
receivable), at the end of the period; *owed before* the same in the books as of its start; *sales* = invoiced in the
period less credit notes; *current* = open items that are not yet due:

- days sales outstanding (DSO) = owed / sales · days of the period;
- best possible DSO = current / sales · days, and average days delinquent = DSO - best possible DSO;
- DSO by count-back (exhaustion): going back month by month, the days of the months whose sales the owed amount
  exhausts, and of the last one the share of its days that the rest is of its sales;
- receivables turnover per year = sales · 365 / days / mean of owed before and owed;
- collection effectiveness index = (owed before + sales - owed) / (owed before + sales - current);
- share late = of the period's invoices that are settled or past due, those settled after their due day or past due
  and still open; by count and by amount.

A measure is null where its denominator is not above zero; `names.MEASURES` says why. Amounts of the portfolio are the
sums of its customers'.
"""

from datetime import datetime, time, timedelta

import pyarrow as pa

from features.errors import AsOfError
from features.ledger.kinds import kinds_in
from features.ledger.known import invoices_sql, money_sql
from features.ledger.ledger import Ledger, open_ledger
from features.ledger.names import MEASURES
from features.readers import day
from features.text import Text

_NO_PERIOD = Text(
    "Measures need a period of at least one day, got {days}. Give the number of days before the books, e.g. 90 or 365.",
    "计算指标的期间至少为 1 天，得到 {days}。请给出账面日之前的天数，例如 90 或 365。",
)


def customer_measures(ledger: Ledger, days: int = 365) -> pa.Table:
    """One row per customer of the books, with a column for each of `names.MEASURES`, over the ``days`` before them.

    Returns: customer_id (string) and one float64 per measure (null: missing), ordered by customer.
    Raises AsOfError: ``days`` is not positive.
    """
    return _measured(ledger, days, by_customer=True)


def portfolio_measures(ledger: Ledger, days: int = 365) -> dict[str, float | None]:
    """The measures of all customers together over the ``days`` before the books; None is missing."""
    row: dict[str, float | None] = _measured(ledger, days, by_customer=False).to_pylist()[0]
    return row


def _measured(ledger: Ledger, days: int, by_customer: bool) -> pa.Table:
    if days < 1:
        raise AsOfError(_NO_PERIOD, days=days)
    before = open_ledger(ledger.facts, start_of(ledger, days))
    try:
        table = ledger.query(_sql(ledger, before, days, by_customer))
    finally:
        before.close()
    return table


def start_of(ledger: Ledger, days: int) -> datetime:
    """Midnight, on the project's calendar, so many days before the day of the books."""
    zone = ledger.facts.project.timezone
    first = ledger.as_of.astimezone(zone).date() - timedelta(days=days)
    return datetime.combine(first, time(), zone)


def _sql(ledger: Ledger, before: Ledger, days: int, by_customer: bool) -> str:
    who = "customer_id" if by_customer else "'all' AS customer_id"
    together = f"""
SELECT {who}, sum(owed) AS owed, sum(current) AS current, sum(owed_before) AS owed_before, sum(sales) AS sales,
       sum(late) AS late, sum(judged) AS judged, sum(late_minor) AS late_minor, sum(judged_minor) AS judged_minor
FROM ({_amounts_sql(ledger, before, days)}) {"GROUP BY customer_id" if by_customer else ""}"""
    sales = _positive("sales")
    values = {
        "dso_days": f"owed / {sales} * {days}",
        "dso_count_back_days": "CASE WHEN owed = 0 THEN 0 ELSE count_back_days END",
        "best_possible_dso_days": f"current / {sales} * {days}",
        "average_days_delinquent": f"(owed - current) / {sales} * {days}",
        "turnover_per_year": f"greatest(0, sales) * 365E0 / {days} / {_positive('(owed_before + owed) / 2E0')}",
        "collection_effectiveness": f"(owed_before + sales - owed) / {_positive('owed_before + sales - current')}",
        "late_share": "late / nullif(judged, 0)",
        "late_amount_share": "late_minor / nullif(judged_minor, 0)",
    }
    columns = ", ".join(f"CAST({values[measure.name]} AS DOUBLE) AS {measure.name}" for measure in MEASURES)
    shown = "t.customer_id, " if by_customer else ""
    return f"""
WITH together AS ({together}), months AS ({_monthly_sales_sql(ledger, who)})
SELECT {shown}{columns}
FROM together AS t LEFT JOIN ({_count_back_sql(ledger)}) AS c USING (customer_id) ORDER BY t.customer_id"""


def _amounts_sql(ledger: Ledger, before: Ledger, days: int) -> str:
    """SQL for the amounts that measures are made of, one row per customer."""
    at = ledger.books.at
    zone = ledger.facts.project.project.timezone
    settled_late = f"coalesce({day('settled_at', zone)} > due_day, FALSE) OR days_overdue > 0"
    period = f"date_diff('day', {day('issued_at', zone)}, {at.day}) <= {days}"
    judged = "settled_at IS NOT NULL OR days_overdue > 0"
    owed = "greatest(0, balance_minor)"
    return f"""
SELECT customer_id, coalesce(owed, 0) AS owed, least(coalesce(current, 0), coalesce(owed, 0)) AS current,
       coalesce(owed_before, 0) AS owed_before, coalesce(sales, 0) AS sales, late, judged, late_minor, judged_minor
FROM (SELECT customer_id, {owed} AS owed, open_current_minor AS current FROM ({ledger.customers_sql()}))
LEFT JOIN (SELECT customer_id, {owed} AS owed_before FROM ({before.customers_sql()})) USING (customer_id)
LEFT JOIN (
  SELECT customer_id, sum(sold) AS sales FROM ({_sales_sql(ledger)}) WHERE date_diff('day', sold_day, {at.day}) <= {days}
  GROUP BY customer_id
) USING (customer_id)
LEFT JOIN (
  SELECT customer_id, count(*) FILTER (WHERE is_late) AS late, count(*) AS judged,
         coalesce(sum(amount_minor) FILTER (WHERE is_late), 0) AS late_minor, sum(amount_minor) AS judged_minor
  FROM (SELECT customer_id, amount_minor, {settled_late} AS is_late FROM ({ledger.items_sql()}) WHERE {period} AND ({judged}))
  GROUP BY customer_id
) USING (customer_id)"""


def _positive(sql: str) -> str:
    """SQL: the value where it is above zero, else null."""
    return f"CASE WHEN {sql} > 0 THEN {sql} END"


def _sales_sql(ledger: Ledger) -> str:
    """SQL for what was sold to each customer on which day: invoices less credit notes of either table."""
    at, columns = ledger.books.at, ledger.facts.columns
    sold = f"""
SELECT customer_id, issued_day AS sold_day, amount_minor AS sold FROM ({invoices_sql(at, columns["invoices"])})"""
    if "kind" not in columns.get("payments", ()):
        return sold
    money = money_sql(at, columns["payments"], kinds_in(ledger.facts.connection))
    came_on = day("paid_at", ledger.facts.project.project.timezone)
    return f"{sold} UNION ALL SELECT customer_id, {came_on}, -minor FROM ({money}) WHERE kind = 'credit_note'"


def _monthly_sales_sql(ledger: Ledger, who: str) -> str:
    """SQL for the sales of each customer's calendar months that have any; the last month ends with the books."""
    return f"""
SELECT customer_id, month, least(month + INTERVAL 1 MONTH, {ledger.books.at.day})::DATE AS month_end, sold
FROM (
  SELECT {who}, date_trunc('month', sold_day)::DATE AS month, sum(sold) AS sold FROM ({_sales_sql(ledger)}) GROUP BY ALL
) WHERE sold > 0"""


def _count_back_sql(ledger: Ledger) -> str:
    """SQL for the days that it takes, going back, until sales exhaust what is owed."""
    return f"""
SELECT customer_id, date_diff('day', month_end, {ledger.books.at.day})
       + (owed - later) / sold * date_diff('day', month, month_end) AS count_back_days
FROM (
  SELECT customer_id, month, month_end, sold, owed,
         sum(sold) OVER (PARTITION BY customer_id ORDER BY month DESC ROWS UNBOUNDED PRECEDING) - sold AS later
  FROM months JOIN together USING (customer_id)
) WHERE later < owed AND owed <= later + sold"""
