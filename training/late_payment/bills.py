"""The company's invoices as rows: the only place that knows how invoices and payments are read.

Invoices are settled as they or their payments say; where neither does, the oldest are paid first (`oldest_first`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from features.capabilities import missing
from features.catalogue.payment import SETTLED
from features.catalogue.relations.invoices import INSTALMENTS, LEDGER_WITH_IDS, PAID_INVOICES
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

LEDGER = "late_payment_ledger"
"""The catalogue's relation of that name with the invoices' ids; of all customers, or of those that are drawn."""

# Money settles an invoice as the catalogue's ledger has it.
_BILLS = f"""
SELECT invoice_id, customer_id, known_from, known_day, issued_day, due_day, amount_minor / 1E4 AS amount, disputed,
       settled_from, settled_day
FROM {LEDGER} WHERE issued_day IS NOT NULL"""

_RECEIPTS = """
SELECT invoice_id, greatest(known_at, paid_at) AS received_from, paid_day AS received_day, amount
FROM {payments} WHERE greatest(known_at, paid_at) < {end}"""

_IDS_OF_OPEN = "SELECT * REPLACE (CASE WHEN settled_from IS NULL THEN invoice_id END AS invoice_id) FROM ({ledger})"
"""Of a company with many millions of invoices the ids of those that are settled would be most of the table."""

_OF_BILLS = f" AND invoice_id IN (SELECT invoice_id FROM {BILLS})"

_SETTLEMENTS = f"""
SELECT invoice_id, settled_from AS received_from, settled_day AS received_day, amount
FROM {BILLS} WHERE settled_from IS NOT NULL"""


@contextmanager
def bills(facts: Facts, known_before: datetime, share: float = 1.0, is_read_once: bool = False) -> Iterator[None]:
    """The tables `BILLS` and `RECEIPTS` in the facts' connection, of all that was known before an instant.

    ``share`` of the customers are drawn by the hash of their ids: always the same ones, with the whole history of each.
    ``is_read_once``: only what is open is asked for, and once: settled invoices stand there without their ids, and money
    is not copied, but read from the payments where it is asked for, also what is on no bill.

    Raises ProjectError: the project's tables do not tell which invoices are paid.
    """
    if lacking := missing(("invoices",), facts.columns) or not tells_settlement(facts):
        raise ProjectError(_LACKING, tables=", ".join(sorted(facts.columns)), lacking=lacking or SETTLED)
    drawn = "TRUE" if share >= 1 else f"hash(customer_id) / 18446744073709551616.0 < {share}"
    made = _by_reference if _names_invoices(facts) else _oldest_first
    kinds = made(facts, utc_literal(known_before), drawn, is_read_once)
    try:
        for table, (kind, select) in kinds.items():
            facts.connection.execute(f"CREATE TEMP {kind} {table} AS {select}")
        yield
    finally:
        for table, (kind, _) in reversed(kinds.items()):
            facts.connection.execute(f"DROP {kind} IF EXISTS temp.{table}")


def made_relations(facts: Facts) -> dict[str, str]:
    """Relations of the catalogue that stand in tables while `bills` does, for `features.snapshot`."""
    tables = facts.connection.execute(f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{LEDGER}'").fetchall()
    return {LEDGER_WITH_IDS.name: LEDGER} if tables else {}


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


def _by_reference(facts: Facts, end: str, drawn: str, is_read_once: bool) -> dict[str, tuple[str, str]]:
    """The tables and views in the order in which they are to be made: of what kind, and the SELECT."""
    has_payments = "payments" in facts.columns and "invoice_id" in facts.columns["payments"]
    payments = "payments" if has_payments else "no_payments"
    values = {"payments": payments, "invoices": f"(SELECT * FROM invoices WHERE {drawn})", "end": end}
    parts = [
        *([] if has_payments else [_NO_PAYMENTS]),
        *(f"{one.name} AS ({one.sql.format(**values)})" for one in (PAID_INVOICES, INSTALMENTS)),
    ]
    ledger = f"WITH {', '.join(parts)} {LEDGER_WITH_IDS.sql.format(**values)}"
    receipts = (_RECEIPTS if is_read_once else _RECEIPTS + _OF_BILLS) if has_payments else _SETTLEMENTS
    return {
        LEDGER: ("TABLE", _IDS_OF_OPEN.format(ledger=ledger) if is_read_once else ledger),
        BILLS: ("VIEW", _BILLS),
        RECEIPTS: ("VIEW" if is_read_once else "TABLE", receipts.format(**values)),
    }


def _oldest_first(facts: Facts, end: str, drawn: str, _: bool) -> dict[str, tuple[str, str]]:
    """The same where no payment names an invoice."""
    kinds = kinds_in(facts.connection) if "kind" in facts.columns["payments"] else {}
    return {
        RECEIPTS: ("TABLE", receipts_sql(end, drawn, kinds)),
        BILLS: ("TABLE", bills_sql(end, drawn, RECEIPTS)),
    }


_LACKING = Text(
    "Late payment is learnt from invoices and what was paid on them; the project gives {tables} and lacks {lacking}."
    " Add invoices with settled_at, or payments, best with invoice_id.",
    "逾期付款模型需要发票及其付款记录；项目现有 {tables}，缺少 {lacking}。请添加带 settled_at 的发票表，或付款表（最好带 invoice_id）。",
)
