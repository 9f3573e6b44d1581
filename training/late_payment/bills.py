"""The company's invoices as rows: the only place that knows how invoices and payments are read.

Invoices are settled as they or their payments say; where neither does, the oldest are paid first (`oldest_first`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from features.capabilities import missing
from features.catalogue.payment import SETTLED
from features.catalogue.relations.invoices import INSTALMENTS, PAID_INVOICES
from features.errors import ProjectError
from features.ledger.kinds import kinds_in
from features.sources import Facts
from features.text import Text
from training.late_payment.instants import utc_literal
from training.late_payment.oldest_first import bills_sql, receipts_sql

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
def bills(facts: Facts, known_before: datetime, share: float = 1.0, is_read_once: bool = False) -> Iterator[None]:
    """The tables `BILLS` and `RECEIPTS` in the facts' connection, of all that was known before an instant.

    ``share`` of the customers are drawn by the hash of their ids: always the same ones, with the whole history of each.
    ``is_read_once``: money is not copied, but read from the payments where it is asked for.

    Raises ProjectError: the project's tables do not tell which invoices are paid.
    """
    if lacking := missing(("invoices",), facts.columns) or not tells_settlement(facts):
        raise ProjectError(_LACKING, tables=", ".join(sorted(facts.columns)), lacking=lacking or SETTLED)
    drawn = "TRUE" if share >= 1 else f"hash(customer_id) / 18446744073709551616.0 < {share}"
    made = _by_reference if _names_invoices(facts) else _oldest_first
    try:
        for table, select in made(facts, utc_literal(known_before), drawn).items():
            is_view = is_read_once and made is _by_reference and table == RECEIPTS
            facts.connection.execute(f"CREATE TEMP {'VIEW' if is_view else 'TABLE'} {table} AS {select}")
        yield
    finally:
        views = facts.connection.execute(f"SELECT 1 FROM duckdb_views() WHERE view_name = '{RECEIPTS}'").fetchall()
        facts.connection.execute(f"DROP {'VIEW' if views else 'TABLE'} IF EXISTS temp.{RECEIPTS}")
        facts.connection.execute(f"DROP TABLE IF EXISTS temp.{BILLS}")


def tells_settlement(facts: Facts) -> bool:
    """Whether there are invoices, and it is told what was paid: on each, or by the customer."""
    return "invoices" in facts.columns and ("payments" in facts.columns or "settled_at" in facts.columns["invoices"])


def _names_invoices(facts: Facts) -> bool:
    """Whether invoices say when they were paid, or any payment says for which invoice it is."""
    if "settled_at" in facts.columns["invoices"]:
        return True
    if "invoice_id" not in facts.columns["payments"]:
        return False
    return facts.connection.execute("SELECT 1 FROM payments WHERE invoice_id IS NOT NULL LIMIT 1").fetchall() != []


def _by_reference(facts: Facts, end: str, drawn: str) -> dict[str, str]:
    """SELECTs of the tables, in the order in which they are to be made."""
    has_payments = "payments" in facts.columns and "invoice_id" in facts.columns["payments"]
    payments = "payments" if has_payments else "no_payments"
    values = {"payments": payments, "invoices": "invoices", "end": end, "drawn": drawn}
    parts = [
        *([] if has_payments else [_NO_PAYMENTS]),
        f"paid_invoices AS ({PAID_INVOICES.sql.format(**values)})",
        f"instalments AS ({INSTALMENTS.sql.format(**values)})",
    ]
    receipts = _RECEIPTS if has_payments else _SETTLEMENTS
    return {BILLS: f"WITH {', '.join(parts)} {_BILLS.format(**values)}", RECEIPTS: receipts.format(**values)}


def _oldest_first(facts: Facts, end: str, drawn: str) -> dict[str, str]:
    """The same where no payment names an invoice."""
    kinds = kinds_in(facts.connection) if "kind" in facts.columns["payments"] else {}
    return {RECEIPTS: receipts_sql(end, drawn, kinds), BILLS: bills_sql(end, drawn, RECEIPTS)}


_LACKING = Text(
    "Late payment is learnt from invoices and what was paid on them; the project gives {tables} and lacks {lacking}."
    " Add invoices with settled_at, or payments, best with invoice_id.",
    "逾期付款模型需要发票及其付款记录；项目现有 {tables}，缺少 {lacking}。请添加带 settled_at 的发票表，或付款表（最好带 invoice_id）。",
)
