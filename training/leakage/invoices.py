"""Do columns of the invoices know what came after they were written? As a check of the certificate."""

from dataclasses import replace
from datetime import UTC, datetime

from features.contracts import INVOICES
from features.leakage.certificate import Finding
from features.sources import Facts
from training.late_payment.bills import BILLS, bills, tells_settlement
from training.late_payment.grid import LATE_DAY
from training.late_payment.leakage import invoice_leakage
from training.late_payment.rows import outcomes_of, rows_at_issue, with_known_habits

COLUMNS = tuple(c.name for c in INVOICES.columns if c.type in ("flag", "number") and not c.required)
"""What is said of an invoice beside the bill itself, without a clock of its own."""

MOST_INVOICES = 20_000
LEAST_INVOICES = 200
USUAL_DAYS, SPREAD_DAYS = 0.0, 5.0
"""Stand for everybody's habit where the customer's is not known; the check reads no column that needs it."""


def check_invoices(facts: Facts, as_of: datetime) -> list[Finding]:
    """One finding a column, on the invoices known before ``as_of`` at the time at which they were written.

    A column that knows more is a warning: neither the catalogue's features nor the model of late payment use it before
    the invoice is settled, and what a project's own features make of it is tried out by the futures.
    """
    columns = [name for name in COLUMNS if name in facts.columns.get("invoices", ())]
    if not columns or not tells_settlement(facts):
        return []
    with bills(facts, as_of, _share(facts)):
        [(since, invoices)] = facts.connection.execute(f"SELECT min(known_from), count(*) FROM {BILLS}").fetchall()
        if invoices < LEAST_INVOICES:
            return []
        rows = rows_at_issue(facts, since.replace(tzinfo=UTC), as_of)
        late, known = outcomes_of(facts, rows, as_of).later_than(LATE_DAY)
    found = invoice_leakage(with_known_habits(rows, USUAL_DAYS, SPREAD_DAYS), late == 1, columns, known)
    return [replace(one, severity="warning") if one.severity == "failed" else one for one in found]


def _share(facts: Facts) -> float:
    """The share of the customers whose invoices are looked at."""
    [(invoices,)] = facts.connection.execute("SELECT count(*) FROM invoices").fetchall()
    return min(1.0, MOST_INVOICES / max(int(invoices), 1))
