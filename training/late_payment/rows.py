"""Invoices as they stood at some instants: what they are, what the customer's other invoices do, and the customer itself.

Two kinds of rows: invoices that are open at a cut-off, and invoices at the instant at which they became known. Everything
counts from when it was known: what became known at the instant itself or later is not there.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import Feature
from features.own_features import all_features
from features.snapshot import snapshot
from features.sources import Facts
from training.late_payment.bills import BILLS, RECEIPTS, made_relations
from training.late_payment.grid import Outcomes
from training.late_payment.instants import day_of, utc_literal

Floats = NDArray[np.float64]

KEYS = ("invoice_id", "customer_id", "as_of", "amount", "open_amount", "due_day", "due_day_number", "entry")

FAMILIES = ("payment", "credit", "recency", "frequency", "own")
"""What is taken from the customer's snapshot."""

HALF_LIVES_DAYS = (90, 365)
LATEST = 5
PRIOR_WEIGHT, SPREAD_WEIGHT = 1.0, 2.0
"""Everybody's way of paying counts as so many invoices of the customer's own."""

MOST_SHARE_PICKED = 0.9
"""Of the customers; when more are wanted, all are taken."""

USUAL, SPREAD = "usual_late_days_365", "late_spread_days"

OF_INVOICE = (
    "amount_log",
    "amount_of_usual",
    "terms_days",
    "due_weekday",
    "due_month_day",
    "due_to_month_end_days",
    "age_days",
    "past_due_days",
    "paid_share",
)
OF_HISTORY = (
    "settled_count",
    "late_share_90",
    "late_share_365",
    "late_30_share_365",
    "usual_late_days_90",
    USUAL,
    SPREAD,
    "usual_late_days_change",
    "late_share_last_5",
    "open_count",
    "overdue_count",
    "overdue_amount_share",
    "worst_overdue_days",
    "days_since_first_invoice",
    "invoices_of_90d",
)
"""What the customer's invoices did before, and what the others do now, without the row's own invoice."""

_OPEN = f"""
SELECT b.invoice_id, b.customer_id, c.as_of, c.as_of_day, c.number, FALSE AS is_new
FROM late_payment_cutoffs c JOIN {BILLS} b
  ON b.known_from < c.as_of AND coalesce(b.settled_from, TIMESTAMP '9999-01-01') >= c.as_of"""

_NEW = f"""
SELECT b.invoice_id, b.customer_id, b.known_from AS as_of, b.known_day AS as_of_day, c.number, TRUE AS is_new
FROM {BILLS} b ASOF JOIN late_payment_cutoffs c ON b.known_from >= c.as_of
WHERE b.known_from >= {{since}} AND b.known_from < {{until}}"""

_HISTORY = """
SELECT m.customer_id, m.as_of, count(*) FILTER (is_settled) AS settled_count,
       {weighted},
       list_avg(max_by(is_late, settled_from, {latest}) FILTER (is_settled)) AS late_share_last_5,
       count(*) FILTER (NOT is_settled) AS open_all, count(*) FILTER (overdue_days > 0) AS overdue_all,
       coalesce(sum(amount) FILTER (NOT is_settled), 0) AS open_all_amount,
       coalesce(sum(amount) FILTER (overdue_days > 0), 0) AS overdue_all_amount,
       coalesce(max(overdue_days), 0) AS worst_overdue_days,
       max(issued_age) AS days_since_first_invoice, count(*) FILTER (issued_age <= 90) AS invoices_of_90d,
       avg(amount) AS usual_amount, avg(late_days) AS own_mean_late_days
FROM (
  SELECT m.customer_id, m.as_of, b.amount, b.settled_from, coalesce(b.settled_from < m.as_of, FALSE) AS is_settled,
         CASE WHEN b.settled_from < m.as_of THEN date_diff('day', b.due_day, b.settled_day) END AS late_days,
         CASE WHEN b.settled_from < m.as_of THEN (b.settled_day > b.due_day)::DOUBLE END AS is_late,
         CASE WHEN b.settled_from < m.as_of THEN date_diff('day', b.settled_day, m.as_of_day) END AS settled_age,
         CASE WHEN b.settled_from < m.as_of THEN 0 ELSE greatest(date_diff('day', b.due_day, m.as_of_day), 0) END AS overdue_days,
         date_diff('day', b.issued_day, m.as_of_day) AS issued_age
  FROM (SELECT DISTINCT customer_id, as_of, as_of_day FROM late_payment_rows) m
  JOIN {bills} b ON b.customer_id = m.customer_id AND b.known_from < m.as_of
) AS m
GROUP BY m.customer_id, m.as_of"""

_ROWS = f"""
WITH history AS ({{history}}),
receipts AS (
  SELECT r.invoice_id, r.as_of, sum(p.amount) AS received
  FROM late_payment_rows r JOIN {RECEIPTS} p ON p.invoice_id = r.invoice_id AND p.received_from < r.as_of
  GROUP BY r.invoice_id, r.as_of
)
SELECT r.invoice_id, r.customer_id, r.as_of, r.number, r.is_new, b.amount, b.due_day, b.disputed,
       greatest(b.amount - coalesce(p.received, 0), 0) AS open_amount,
       date_diff('day', b.issued_day, b.due_day) AS terms_days, isodow(b.due_day) AS due_weekday,
       day(b.due_day) AS due_month_day, date_diff('day', b.due_day, last_day(b.due_day)) AS due_to_month_end_days,
       greatest(date_diff('day', b.issued_day, r.as_of_day), 0) AS age_days,
       date_diff('day', b.due_day, r.as_of_day) AS past_due_days,
       b.settled_from, date_diff('day', b.due_day, b.settled_day) AS paid_late_days,
       date_diff('day', DATE '1970-01-01', b.due_day) AS due_day_number, h.* EXCLUDE (customer_id, as_of)
FROM late_payment_rows r
JOIN {BILLS} b ON b.invoice_id = r.invoice_id
LEFT JOIN history h ON h.customer_id = r.customer_id AND h.as_of = r.as_of
LEFT JOIN receipts p ON p.invoice_id = r.invoice_id AND p.as_of = r.as_of
ORDER BY r.as_of, r.invoice_id"""


def open_rows(
    facts: Facts,
    cutoffs: Sequence[datetime],
    known_before: datetime | None = None,
    reads: Collection[str] | None = None,
) -> pd.DataFrame:
    """Invoices that are open at each cut-off; with ``known_before`` also those that became known from the first until then.

    Within `bills` only. One row per invoice and instant with `KEYS`, when it was settled, and the features, ordered
    by instant. A new invoice stands as it was when it became known, with its customer's snapshot of
    the last cut-off before. Of the customer's features those that nobody ``reads`` are left missing (None: all are read).
    """
    _keep_cutoffs(facts, cutoffs)
    select = _OPEN
    if known_before is not None:
        select += " UNION ALL " + _NEW.format(since=utc_literal(cutoffs[0]), until=utc_literal(known_before))
    return _with_customers(facts, _of_invoices(facts, select), cutoffs, reads)


def new_rows(facts: Facts, cutoffs: Sequence[datetime], known_before: datetime) -> pd.DataFrame:
    """Invoices that became known from the first cut-off on, at the instant at which each did; see `open_rows`."""
    _keep_cutoffs(facts, cutoffs)
    select = _NEW.format(since=utc_literal(cutoffs[0]), until=utc_literal(known_before))
    return _with_customers(facts, _of_invoices(facts, select), cutoffs, None)


def rows_at_issue(facts: Facts, since: datetime, until: datetime) -> pd.DataFrame:
    """The same invoices with what is known of them and of the customer's others, without the customer's snapshot."""
    _keep_cutoffs(facts, [since])
    return _of_invoices(facts, _NEW.format(since=utc_literal(since), until=utc_literal(until)))


def outcomes_of(facts: Facts, rows: pd.DataFrame, known_before: datetime) -> Outcomes:
    """What became of the rows as it was known; money that came before it was known counts on the day of looking."""
    entry = rows["entry"].to_numpy(dtype=np.float64)
    known = (rows["settled_from"] < pd.Timestamp(known_before)).to_numpy()
    paid = np.where(known, rows["paid_late_days"].to_numpy(dtype=np.float64), np.inf)
    end = day_of(facts, known_before).toordinal() - _EPOCH
    return Outcomes(entry, np.maximum(paid, entry), end - rows["due_day_number"].to_numpy(dtype=np.float64))


def customer_features(facts: Facts) -> tuple[Feature, ...]:
    """The catalogue's and the project's own features that say how a customer pays and buys."""
    return tuple(feature for feature in all_features(facts) if feature.family in FAMILIES)


def feature_names(facts: Facts) -> tuple[str, ...]:
    """All columns of a row that a model may learn from."""
    return (*OF_INVOICE, *OF_HISTORY, *(feature.name for feature in customer_features(facts)))


def with_known_habits(rows: pd.DataFrame, usual_days: float, spread_days: float) -> pd.DataFrame:
    """The rows with each customer's habit of paying, drawn towards everybody's; missing where nothing was settled yet."""
    added: dict[str, Floats] = {}
    for days in HALF_LIVES_DAYS:
        weight, late, lates, late_30 = (rows[f"{name}_{days}"].to_numpy(dtype=np.float64) for name in _SUMS)
        known = np.where(weight > 0, weight, np.nan)
        usual = (late + PRIOR_WEIGHT * usual_days) / (known + PRIOR_WEIGHT)
        added[f"usual_late_days_{days}"] = usual
        added[f"late_share_{days}"] = lates / known
        if days == HALF_LIVES_DAYS[-1]:
            squares = rows[f"squares_{days}"].to_numpy(dtype=np.float64)
            variance = np.maximum(squares / known - (late / known) ** 2, 0)
            added[SPREAD] = np.sqrt((variance * known + SPREAD_WEIGHT * spread_days**2) / (known + SPREAD_WEIGHT))
            added[f"late_30_share_{days}"] = late_30 / known
    added["usual_late_days_change"] = added["usual_late_days_90"] - added[USUAL]
    return rows.assign(**added)


_EPOCH = date(1970, 1, 1).toordinal()
_SUMS = ("weight", "late", "lates", "lates_30")


def _weighted(days: int) -> str:
    weight = f"pow(0.5, settled_age / {days}.0)"
    return ", ".join(
        f"coalesce(sum({weight} * {value}), 0) AS {name}_{days}"
        for name, value in (
            ("weight", "1"),
            ("late", "late_days"),
            ("squares", "late_days * late_days"),
            ("lates", "is_late"),
            ("lates_30", "(late_days > 30)::DOUBLE"),
        )
    )


def _keep_cutoffs(facts: Facts, cutoffs: Sequence[datetime]) -> None:
    values = ", ".join(
        f"({utc_literal(c)}, DATE '{day_of(facts, c).isoformat()}', {number})" for number, c in enumerate(cutoffs)
    )
    facts.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE late_payment_cutoffs AS FROM (VALUES {values}) AS c(as_of, as_of_day, number)"
    )


def _of_invoices(facts: Facts, select: str) -> pd.DataFrame:
    weighted = ", ".join(_weighted(days) for days in HALF_LIVES_DAYS)
    history = _HISTORY.format(weighted=weighted, latest=LATEST, bills=BILLS)
    connection = facts.connection
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE late_payment_rows AS {select}")
        rows = connection.sql(_ROWS.format(history=history)).df()
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.late_payment_rows")
        connection.execute("DROP TABLE IF EXISTS temp.late_payment_cutoffs")
    rows = _derived(rows)
    return rows.assign(**{name: rows[name].dt.tz_localize("UTC") for name in ("as_of", "settled_from")})


def _derived(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns that follow from others: shares, and the others' state without the row's own invoice."""
    own = (~rows["is_new"]).astype(np.float64)
    own_overdue = own * (rows["past_due_days"] > 0)
    nothing = {"settled_count", "open_all", "overdue_all", "open_all_amount", "overdue_all_amount", "invoices_of_90d"}
    sums = {f"{name}_{days}" for days in HALF_LIVES_DAYS for name in (*_SUMS, "squares")}
    rows = rows.fillna(dict.fromkeys(sorted(nothing | sums), 0.0))
    other_amount = (rows["open_all_amount"] - own * rows["amount"]).clip(lower=0)
    other_overdue = (rows["overdue_all_amount"] - own_overdue * rows["amount"]).clip(lower=0)
    return rows.assign(
        entry=rows["past_due_days"].astype(np.float64),
        amount_log=np.log(rows["amount"]),
        amount_of_usual=rows["amount"] / rows["usual_amount"],
        paid_share=1 - rows["open_amount"] / rows["amount"],
        open_count=rows["open_all"] - own,
        overdue_count=rows["overdue_all"] - own_overdue,
        overdue_amount_share=(other_overdue / other_amount.where(other_amount > 0)),
    )


def _with_customers(
    facts: Facts, rows: pd.DataFrame, cutoffs: Sequence[datetime], reads: Collection[str] | None
) -> pd.DataFrame:
    """The rows with their customers' snapshots at their cut-offs."""
    features = customer_features(facts)
    read = [f for f in features if reads is None or f.name in reads]
    unread = {f.name: np.nan for f in features if f not in read}
    if not read:
        return rows.assign(**unread)
    wanted, relations = _wanted(facts, rows), made_relations(facts)
    made = snapshot(facts, cutoffs, customers=wanted, features=read, made=relations).to_pandas()
    number = pd.Series(range(len(cutoffs)), index=pd.to_datetime(list(cutoffs), utc=True))
    made = made.assign(number=made["as_of"].map(number)).drop(columns="as_of")
    return rows.merge(made, on=["customer_id", "number"], how="left").assign(**unread)


def _wanted(facts: Facts, rows: pd.DataFrame) -> list[str] | None:
    """The rows' customers; None where they are most of all: leaving out the others would cost more than they do."""
    wanted = rows["customer_id"].unique()
    [(customers,)] = facts.connection.execute("SELECT count(DISTINCT customer_id) FROM invoices").fetchall()
    return None if len(wanted) > MOST_SHARE_PICKED * customers else sorted(wanted)
