"""The relations that features aggregate: facts as they were known at each cut-off.

Each is a SELECT over contract tables and ``cutoffs(as_of, as_of_day)``; it yields ``as_of`` and ``customer_id`` first.
A fact counts only when it happened *and* was known strictly before ``as_of``; what became known later about an earlier
fact (a settlement, the closing of a complaint) is hidden the same way. Ages are whole days on the project's calendar,
from the fact's day to the day of ``as_of``.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """A named SELECT. It exists when ``table`` is given; ``optional`` tables may be empty; it ``uses`` other relations."""

    name: str
    table: str
    sql: str
    optional: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    aggregated: bool = True


ORDER_LINES = Relation(
    "order_lines",
    table="orders",
    sql="""
SELECT c.as_of, o.customer_id, date_diff('day', o.ordered_day, c.as_of_day) AS age_days,
       o.amount, o.margin, o.category, o.discount,
       CASE WHEN o.delivered_at < c.as_of THEN date_diff('day', o.promised_day, o.delivered_day) END AS delivered_late_days
FROM orders o JOIN cutoffs c ON o.known_at < c.as_of AND o.ordered_at < c.as_of""",
)

# One row per customer and day with a purchase: several orders on a day are one visit to the habit of buying.
PURCHASE_DAYS = Relation(
    "purchase_days",
    table="orders",
    uses=("order_lines",),
    sql="""
SELECT as_of, customer_id, age_days, amount,
       lead(age_days) OVER back - age_days AS gap_days,
       first_value(age_days) OVER back AS silent_days,
       row_number() OVER back AS number_back
FROM (SELECT as_of, customer_id, age_days, sum(amount) AS amount
      FROM order_lines WHERE amount >= 0 GROUP BY as_of, customer_id, age_days)
WINDOW back AS (PARTITION BY as_of, customer_id ORDER BY age_days)""",
)

PAID_INVOICES = Relation(
    "paid_invoices",
    table="payments",
    aggregated=False,
    sql="""
SELECT c.as_of, p.invoice_id, sum(p.amount) AS paid_amount, max(p.paid_day) AS last_paid_day
FROM payments p JOIN cutoffs c ON p.known_at < c.as_of AND p.paid_at < c.as_of
WHERE p.invoice_id IS NOT NULL GROUP BY c.as_of, p.invoice_id""",
)

# A settlement or a dispute of which we learn after the cut-off does not exist yet: the invoice is open and undisputed.
# Half a cent is rounding: less is not owed.
BILLS = Relation(
    "bills",
    table="invoices",
    optional=("payments",),
    uses=("paid_invoices",),
    sql="""
SELECT as_of, customer_id, amount, issued_age_days, due_age_days, is_settled,
       CASE WHEN is_settled THEN disputed END AS was_disputed,
       CASE WHEN is_settled THEN date_diff('day', due_day, settled_day) END AS days_late,
       CASE WHEN is_settled THEN date_diff('day', issued_day, settled_day) END AS days_to_pay,
       CASE WHEN is_settled THEN date_diff('day', settled_day, as_of_day) END AS settled_age_days,
       CASE WHEN is_settled THEN 0 ELSE amount - paid_amount END AS open_amount,
       CASE WHEN is_settled THEN 0 ELSE greatest(due_age_days, 0) END AS overdue_days
FROM (
  SELECT c.as_of, c.as_of_day, i.customer_id, i.amount, i.disputed, i.issued_day, i.due_day,
         date_diff('day', i.issued_day, c.as_of_day) AS issued_age_days,
         date_diff('day', i.due_day, c.as_of_day) AS due_age_days,
         coalesce(p.paid_amount, 0) AS paid_amount,
         coalesce(i.settled_at < c.as_of, FALSE) OR coalesce(p.paid_amount, 0) >= i.amount - 0.005 AS is_settled,
         CASE WHEN i.settled_at < c.as_of THEN i.settled_day ELSE p.last_paid_day END AS settled_day
  FROM invoices i JOIN cutoffs c ON i.known_at < c.as_of AND i.issued_at < c.as_of
  LEFT JOIN paid_invoices p ON p.as_of = c.as_of AND p.invoice_id = i.invoice_id
  WHERE i.amount > 0.005
)""",
)

CONTACTS = Relation(
    "contacts",
    table="interactions",
    sql="""
SELECT c.as_of, t.customer_id, t.at AS contacted_at, date_diff('day', t.at_day, c.as_of_day) AS age_days,
       CASE WHEN lower(t.kind) IN ('complaint', 'complaints', '投诉') THEN 'complaint' ELSE lower(t.kind) END AS kind, t.score, coalesce(t.closed_at < c.as_of, FALSE) AS is_closed
FROM interactions t JOIN cutoffs c ON t.known_at < c.as_of AND t.at < c.as_of""",
)

# Everybody who is on file, so that prospects get an answer as well.
PROFILES = Relation(
    "profiles",
    table="customers",
    sql="""
SELECT c.as_of, k.customer_id, date_diff('day', k.acquired_day, c.as_of_day) AS age_days
FROM customers k JOIN cutoffs c ON coalesce(k.known_at < c.as_of, TRUE) AND coalesce(k.acquired_at < c.as_of, TRUE)""",
)

RELATIONS: dict[str, Relation] = {
    r.name: r for r in (ORDER_LINES, PURCHASE_DAYS, PAID_INVOICES, BILLS, CONTACTS, PROFILES)
}
