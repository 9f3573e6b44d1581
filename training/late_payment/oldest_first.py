"""Invoices and what was paid on them where no payment says for which invoice it is: the oldest are paid first.

The rule is that of `features.ledger.oldest_first`: a customer's money, in the order in which it came, against its invoices
by due day, issue and id; credit notes count as money, refunds take back what came last. Both are laid out as running sums,
and each piece between two neighbouring ends belongs to one invoice and one payment. An invoice is known to be settled from
when the last money on it was known.

The books are made up once, of all that is known before the end, and serve the cut-offs before it too. At a past cut-off
they differ from those of that time where an invoice that came later falls due earlier, and so takes money that was on
another one then: what a customer owed in all is the same, which of its invoices was open may not be.
"""

from collections.abc import Mapping

from features.ledger.kinds import Word, signed_sql
from features.ledger.names import MINOR_PER_CURRENCY
from features.ledger.oldest_first import SORTED_BY_AGE

_MINOR = f"CAST(round({MINOR_PER_CURRENCY} * amount) AS BIGINT)"
_DUES = f"""
SELECT invoice_id, customer_id, greatest(known_at, issued_at) AS known_from, greatest(known_day, issued_day) AS known_day,
       issued_at, issued_day, due_day, amount, disputed, {_MINOR} AS minor
FROM invoices WHERE greatest(known_at, issued_at) < {{end}} AND {{drawn}}"""
_IN_ORDER = "OVER (PARTITION BY customer_id ORDER BY {order} ROWS UNBOUNDED PRECEDING)"


def receipts_sql(end: str, drawn: str, kinds: Mapping[str, Word]) -> str:
    """SQL for the pieces of money on invoices: invoice_id, received_from (when it was known), received_day, amount.

    ``end`` is the instant before which all was known, ``drawn`` a condition on customer_id, ``kinds`` what the values of
    payments.kind mean.
    """
    return f"""
WITH dues AS (
  SELECT invoice_id, customer_id,
         CAST(sum(minor) {_IN_ORDER.format(order=SORTED_BY_AGE)} AS BIGINT) AS upto
  FROM ({_DUES.format(end=end, drawn=drawn)}) WHERE minor > 0
),
money AS (
  SELECT customer_id, paid_at AS came_at, greatest(known_at, paid_at) AS received_from, paid_day AS received_day,
         {signed_sql(_MINOR, kinds)} AS minor
  FROM payments WHERE greatest(known_at, paid_at) < {end} AND {drawn}
  UNION ALL
  SELECT customer_id, issued_at, known_from, issued_day, -minor FROM ({_DUES.format(end=end, drawn=drawn)}) WHERE minor < 0
),
nets AS (SELECT customer_id, CAST(sum(minor) AS BIGINT) AS net FROM money GROUP BY customer_id),
pieces AS (
  SELECT customer_id, received_from, received_day,
         CAST(sum(minor) {_IN_ORDER.format(order="came_at, minor DESC")} AS BIGINT) AS upto
  FROM money WHERE minor > 0
),
ends AS (
  SELECT DISTINCT customer_id, least(upto, net) AS upto
  FROM (SELECT customer_id, upto FROM dues UNION ALL SELECT customer_id, upto FROM pieces) JOIN nets USING (customer_id)
  WHERE net > 0
),
parts AS (
  SELECT customer_id, upto, upto - coalesce(lag(upto) OVER (PARTITION BY customer_id ORDER BY upto), 0) AS minor FROM ends
)
SELECT d.invoice_id, p.received_from, p.received_day, t.minor::DOUBLE / {MINOR_PER_CURRENCY} AS amount
FROM parts t
ASOF JOIN dues d ON d.customer_id = t.customer_id AND t.upto <= d.upto
ASOF JOIN pieces p ON p.customer_id = t.customer_id AND t.upto <= p.upto"""


def bills_sql(end: str, drawn: str, receipts: str) -> str:
    """SQL for the invoices with when they were settled; ``receipts`` names the table of `receipts_sql`."""
    filled = "r.received_minor = minor"
    return f"""
SELECT d.invoice_id, customer_id, known_from, known_day, issued_day, due_day, amount, disputed,
       CASE WHEN {filled} THEN greatest(r.received_from, known_from) END AS settled_from,
       CASE WHEN {filled} THEN greatest(r.received_day, issued_day) END AS settled_day
FROM ({_DUES.format(end=end, drawn=drawn)}) d
LEFT JOIN (
  SELECT invoice_id, CAST(sum(round({MINOR_PER_CURRENCY} * amount)) AS BIGINT) AS received_minor,
         max(received_from) AS received_from, max(received_day) AS received_day
  FROM {receipts} GROUP BY invoice_id
) r ON r.invoice_id = d.invoice_id
WHERE minor > 0"""
