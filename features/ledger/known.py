"""Invoices and money as they were known at one cut-off or at several, as SQL.

With several, every relation begins with the number of its cut-off; ``key`` is what it then puts before its columns.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from features.ledger.kinds import Word, kind_sql, signed_sql
from features.ledger.names import MINOR_PER_CURRENCY


@dataclass(frozen=True)
class CutOffs:
    """The instants at which the books are made up, each the open end of what is known, and how SQL says so."""

    instants: tuple[datetime, ...]
    timezone: ZoneInfo

    @property
    def key(self) -> str:
        """What stands before the columns by which rows are parted."""
        return "cut_off, " if len(self.instants) > 1 else ""

    @property
    def join(self) -> str:
        """The relation of the cut-offs, to be put after another one."""
        return f", {self._relation}" if self.key else ""

    @property
    def join_again(self) -> str:
        """The relation of the cut-offs, to be put after one that has their numbers already."""
        return f" JOIN {self._relation} USING (cut_off)" if self.key else ""

    @property
    def _relation(self) -> str:
        rows = ", ".join(f"({n}, {_utc(a)}, {self._day(a)})" for n, a in enumerate(self.instants))
        return f"(VALUES {rows}) AS cut_offs(cut_off, instant, day)"

    @property
    def instant(self) -> str:
        """SQL: the cut-off."""
        return "cut_offs.instant" if self.key else _utc(self.instants[0])

    @property
    def day(self) -> str:
        """SQL: its day on the project's calendar."""
        return "cut_offs.day" if self.key else self._day(self.instants[0])

    def _day(self, instant: datetime) -> str:
        return f"DATE '{instant.astimezone(self.timezone).date().isoformat()}'"


def _utc(instant: datetime) -> str:
    return f"TIMESTAMP '{instant.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'"


_MINOR = f"CAST(round({MINOR_PER_CURRENCY} * amount) AS BIGINT)"

INVOICE_COLUMNS = "invoice_id, customer_id, issued_at, issued_day, due_at, due_day, disputed, recorded_at, amount_minor"


def invoices_sql(at: CutOffs, columns: Collection[str]) -> str:
    """SQL for the known invoices: their amount in minor units, and when they are recorded as settled, if known."""
    recorded = (
        f"CASE WHEN settled_at < {at.instant} THEN settled_at END" if "settled_at" in columns else "NULL::TIMESTAMP"
    )
    return f"""
SELECT {at.key}invoice_id, customer_id, issued_at, issued_day, due_at, due_day, disputed, {recorded} AS recorded_at,
       {_MINOR} AS amount_minor
FROM invoices{at.join} WHERE greatest(known_at, issued_at) < {at.instant}"""


def money_sql(at: CutOffs, columns: Collection[str] | None, kinds: Mapping[str, Word]) -> str:
    """SQL for the known money: by how much it lowers the debt, of which kind it is, and from when it was known."""
    if columns is None:
        number = "0 AS cut_off, " if at.key else ""
        return f"""
SELECT {number}NULL::VARCHAR AS customer_id, NULL::VARCHAR AS invoice_id, NULL::TIMESTAMP AS paid_at,
       NULL::TIMESTAMP AS paid_from, 'payment' AS kind, 0::BIGINT AS minor
WHERE FALSE"""
    return f"""
SELECT {at.key}customer_id, invoice_id, paid_at, greatest(known_at, paid_at) AS paid_from, {kind_sql(kinds)} AS kind,
       {signed_sql(_MINOR, kinds)} AS minor
FROM payments{at.join} WHERE greatest(known_at, paid_at) < {at.instant}"""
