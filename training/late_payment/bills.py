"""The company's invoices as rows: the only place that knows how invoices and payments are read.

Whoever reads them otherwise (a ledger that matches payments without a reference) gives the same two tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from features.capabilities import missing
from features.catalogue.payment import SETTLED
from features.catalogue.relations.invoices import INSTALMENTS, PAID_INVOICES
from features.errors import ProjectError
from features.sources import Facts
from features.text import Text
from training.late_payment.instants import utc_literal

BILLS = "late_payment_bills"
"""invoice_id, customer_id, known_from, known_day, issued_day, due_day, amount, disputed, settled_from, settled_day.

``settled_from`` is the instant from which it is known that the invoice is paid in full (NULL: not known before the end),
``settled_day`` the day on which that happened. ``disputed`` has no clock: it may be used once the invoice is settled.
"""

RECEIPTS = "late_payment_receipts"
"""invoice_id, received_from (when it became known), received_day, amount: all money that came in for invoices."""

_NO_PAYMENTS = """no_payments AS (
  SELECT NULL::VARCHAR AS invoice_id, NULL::TIMESTAMP AS known_at, NULL::TIMESTAMP AS paid_at, NULL::DATE AS paid_day,
         0::DOUBLE AS amount WHERE FALSE)"""

# Money settles an invoice as the catalogue's ledger has it: once what was paid comes to the amount, half a cent is
# rounding; of a settlement that is recorded and one by payments, the one known first counts.
_BILLS = """
SELECT invoice_id, customer_id, known_from, known_day, issued_day, due_day, amount, disputed,
       CASE WHEN paid_from < settled_at THEN paid_from ELSE coalesce(settled_at, paid_from) END AS settled_from,
       CASE WHEN paid_from < settled_at OR settled_at IS NULL THEN paid_day ELSE settled_day END AS settled_day
FROM (
  SELECT i.invoice_id, i.customer_id, greatest(i.known_at, i.issued_at) AS known_from,
         greatest(i.known_day, i.issued_day) AS known_day, i.issued_day, i.due_day, i.amount, i.disputed, i.settled_day,
         CASE WHEN i.settled_at < {end} THEN i.settled_at END AS settled_at,
         CASE WHEN p.payments > 1 THEN c.paid_from
              WHEN p.paid_minor >= round(1E4 * i.amount) - 50 THEN p.paid_from END AS paid_from,
         CASE WHEN p.payments > 1 THEN c.paid_day ELSE p.paid_day END AS paid_day
  FROM {invoices} i
  LEFT JOIN paid_invoices p ON p.invoice_id = i.invoice_id
  LEFT JOIN (
    SELECT invoice_id, min(paid_from) AS paid_from, min(settled_day) AS paid_day
    FROM instalments WHERE completes GROUP BY invoice_id
  ) AS c ON c.invoice_id = i.invoice_id
  WHERE i.amount > 0.005E0 AND greatest(i.known_at, i.issued_at) < {end} AND {drawn}
) AS paid"""

_RECEIPTS = f"""
SELECT invoice_id, greatest(known_at, paid_at) AS received_from, paid_day AS received_day, amount
FROM {{payments}} WHERE invoice_id IN (SELECT invoice_id FROM {BILLS}) AND greatest(known_at, paid_at) < {{end}}"""

_SETTLEMENTS = f"""
SELECT invoice_id, settled_from AS received_from, settled_day AS received_day, amount
FROM {BILLS} WHERE settled_from IS NOT NULL"""


@contextmanager
def bills(facts: Facts, known_before: datetime, share: float = 1.0) -> Iterator[None]:
    """The tables `BILLS` and `RECEIPTS` in the facts' connection, of all that was known before an instant.

    ``share`` of the customers are drawn by the hash of their ids: always the same ones, with the whole history of each.

    Raises ProjectError: the project's tables do not tell which invoices are paid.
    """
    if lacking := missing(("invoices",), facts.columns) or not _tells_settlement(facts):
        raise ProjectError(_LACKING, tables=", ".join(sorted(facts.columns)), lacking=lacking or SETTLED)
    has_payments = "payments" in facts.columns and "invoice_id" in facts.columns["payments"]
    values = {
        "payments": "payments" if has_payments else "no_payments",
        "invoices": "invoices",
        "end": utc_literal(known_before),
        "drawn": "TRUE" if share >= 1 else f"hash(i.customer_id) / 18446744073709551616.0 < {share}",
    }
    parts = [
        *([] if has_payments else [_NO_PAYMENTS]),
        f"paid_invoices AS ({PAID_INVOICES.sql.format(**values)})",
        f"instalments AS ({INSTALMENTS.sql.format(**values)})",
    ]
    made = f"WITH {', '.join(parts)} {_BILLS.format(**values)}"
    received = _RECEIPTS.format(**values) if has_payments else _SETTLEMENTS
    try:
        facts.connection.execute(f"CREATE OR REPLACE TEMP TABLE {BILLS} AS {made}")
        facts.connection.execute(f"CREATE OR REPLACE TEMP TABLE {RECEIPTS} AS {received}")
        yield
    finally:
        facts.connection.execute(f"DROP TABLE IF EXISTS temp.{BILLS}")
        facts.connection.execute(f"DROP TABLE IF EXISTS temp.{RECEIPTS}")


def _tells_settlement(facts: Facts) -> bool:
    """Whether invoices say when they were paid, or payments say for which invoice."""
    return any(not missing((way,), facts.columns) for way in SETTLED.split("|"))


_LACKING = Text(
    "Late payment is learnt from invoices and what was paid on them; the project gives {tables} and lacks {lacking}."
    " Add invoices with settled_at, or payments with invoice_id.",
    "逾期付款模型需要发票及其付款记录；项目现有 {tables}，缺少 {lacking}。请添加带 settled_at 的发票表，或带 invoice_id 的付款表。",
)
