"""Invoices as they were known: what was settled, how late, and what is still open."""

from dataclasses import replace

from features.catalogue.relations.relation import Relation, flag, windows

PAID_INVOICES = Relation(
    "paid_invoices",
    "payments",
    "once",
    """
SELECT invoice_id, count(*) AS payments, sum(round(1E4 * amount)) AS paid_minor,
       max(greatest(known_at, paid_at)) AS paid_from, max(paid_day) AS paid_day
FROM {payments} WHERE invoice_id IS NOT NULL AND greatest(known_at, paid_at) < {end}
GROUP BY invoice_id""",
)

# Of several payments on an invoice, each counts from when it became known, in that order; the one that completes the
# amount settles the invoice, on the latest day of those until then. Half a cent is rounding.
INSTALMENTS = Relation(
    "instalments",
    "invoices",
    "once",
    """
SELECT *, sum(part_minor) OVER upto >= amount_minor - 50 AS completes, max(paid_day) OVER upto AS settled_day
FROM (
  SELECT i.invoice_id, i.customer_id, i.due_day, greatest(i.known_at, i.issued_at) AS known_from,
         round(1E4 * i.amount) AS amount_minor, i.settled_at, greatest(p.known_at, p.paid_at) AS paid_from, p.paid_day,
         round(1E4 * p.amount) AS part_minor
  FROM {payments} p
  JOIN {invoices} i ON i.invoice_id = p.invoice_id
  WHERE p.invoice_id IN (SELECT invoice_id FROM paid_invoices WHERE payments > 1)
    AND greatest(p.known_at, p.paid_at) < {end}
) AS several
WINDOW upto AS (PARTITION BY invoice_id ORDER BY paid_from, paid_day, part_minor ROWS UNBOUNDED PRECEDING)""",
    uses=("paid_invoices",),
    optional=("payments",),
)

# What was paid without settling the invoice (``part_minor``) lowers what is open from ``part_from`` on. Of several such
# payments each has a row of its own, with the invoice's due day, so that sums of open amounts come out right, and
# without a day of issue, so that counts pass it over. A settlement recorded on the invoice and one by payments: the one
# known first counts.
_LEDGER = """
SELECT {ids}customer_id, known_from, amount_minor, issued_day, due_day, disputed, part_minor, part_from,
       CASE WHEN paid_from < settled_at THEN paid_from ELSE coalesce(settled_at, paid_from) END AS settled_from,
       CASE WHEN paid_from < settled_at OR settled_at IS NULL THEN paid_day ELSE settled_day END AS settled_day
FROM (
  SELECT {own_ids}i.customer_id, greatest(i.known_at, i.issued_at) AS known_from, round(1E4 * i.amount) AS amount_minor,
         i.issued_day, i.due_day, i.disputed, i.settled_day,
         CASE WHEN i.settled_at < {end} THEN i.settled_at END AS settled_at,
         CASE WHEN p.payments > 1 THEN c.paid_from
              WHEN p.paid_minor >= round(1E4 * i.amount) - 50 THEN p.paid_from END AS paid_from,
         CASE WHEN p.payments > 1 THEN c.paid_day ELSE p.paid_day END AS paid_day,
         CASE WHEN p.payments = 1 AND p.paid_minor < round(1E4 * i.amount) - 50 THEN p.paid_minor END AS part_minor,
         p.paid_from AS part_from
  FROM {invoices} i
  LEFT JOIN paid_invoices p ON p.invoice_id = i.invoice_id
  LEFT JOIN (
    SELECT invoice_id, min(paid_from) AS paid_from, min(settled_day) AS paid_day
    FROM instalments WHERE completes GROUP BY invoice_id
  ) AS c ON c.invoice_id = i.invoice_id
  WHERE i.amount > 0.005E0 AND greatest(i.known_at, i.issued_at) < {end}
  UNION ALL
  SELECT {no_ids}p.customer_id, greatest(p.known_from, p.paid_from), 0, NULL, p.due_day, NULL, NULL,
         CASE WHEN p.settled_at < {end} THEN p.settled_at END, c.paid_from, NULL, p.part_minor, p.paid_from
  FROM instalments p
  LEFT JOIN (
    SELECT invoice_id, min(paid_from) AS paid_from FROM instalments WHERE completes GROUP BY invoice_id
  ) AS c ON c.invoice_id = p.invoice_id
  WHERE NOT p.completes AND p.amount_minor > 50 AND p.known_from < {end}
) AS paid"""


def _ledger(ids: str, own_ids: str, no_ids: str) -> str:
    """The ledger's SQL with further columns: as they are called, of an invoice, and of a payment."""
    return _LEDGER.replace("{ids}", ids).replace("{own_ids}", own_ids).replace("{no_ids}", no_ids)


LEDGER = Relation(
    "ledger",
    "invoices",
    "once",
    _ledger("", "", ""),
    uses=("paid_invoices", "instalments"),
    optional=("payments",),
)

LEDGER_WITH_IDS = replace(
    LEDGER,
    sql=_ledger(
        "invoice_id, known_day, ", "i.invoice_id, greatest(i.known_day, i.issued_day) AS known_day, ", "NULL, NULL, "
    ),
)
"""The same with the id of each invoice and the day on which it became known; in the rows of payments both are NULL."""

BILLS = Relation(
    "bills",
    "invoices",
    "rows",
    f"""
SELECT *, {flag("coalesce(days_late, 0) > 0 OR overdue_days > 0")} AS is_late,
       {flag("is_settled = 1 OR overdue_days > 0")} AS is_judged, {flag("overdue_days > 0")} AS is_overdue,
       {windows(90, 365, age="issued_age_days")},
       coalesce({flag("settled_age_days <= 90")}, 0) AS settled_90d,
       coalesce({flag("settled_age_days <= 365")}, 0) AS settled_365d
FROM (
  SELECT customer_id, is_settled, disputed, issued_age_days, settled_age_days, terms_days, amount_minor,
         (1 - is_settled) * (amount_minor - part_minor) AS open_minor, (1 - is_settled) * greatest(due_age_days, 0) AS overdue_days,
         due_age_days - settled_age_days AS days_late, issued_age_days - settled_age_days AS days_to_pay
  FROM (
    SELECT customer_id, amount_minor, {flag("disputed")} AS disputed,
           CASE WHEN part_from < {{as_of}} THEN coalesce(part_minor, 0) ELSE 0E0 END AS part_minor,
           date_diff('day', issued_day, {{as_of_day}}) AS issued_age_days,
           date_diff('day', due_day, {{as_of_day}}) AS due_age_days, date_diff('day', issued_day, due_day) AS terms_days,
           coalesce({flag("settled_from < {as_of}")}, 0) AS is_settled,
           CASE WHEN settled_from < {{as_of}} THEN date_diff('day', settled_day, {{as_of_day}}) END AS settled_age_days
    FROM ledger
    WHERE known_from < {{as_of}}
  ) AS aged
) AS stated""",
    uses=("ledger",),
)
