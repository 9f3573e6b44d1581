"""The receivables ledger: what is owed on each invoice and by each customer, as it was known at an instant.

Amounts are whole hundredths of the currency (``…_minor``). At any instant and to the cent

    sum of open items - unapplied money = balance
                                        = sum of known invoices - sum of known money - settlements that no money backs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from features.errors import AsOfError
from features.ledger.known import CutOffs
from features.ledger.matching import Books, forget, match
from features.ledger.names import BUCKETS, MINOR_PER_CURRENCY
from features.sources import Facts
from features.text import Text

_NAIVE = Text("The cut-off {as_of} has no time zone; give one.", "截止时间 {as_of} 没有时区；请给出时区。")


@dataclass(frozen=True)
class Ledger:
    """Books as of an instant, open for reading until they are closed or the facts are."""

    facts: Facts
    as_of: datetime
    books: Books

    def items(self) -> pa.Table:
        """One row per invoice above zero, by customer and age: how far it is filled by what, and what is open.

        invoice_id, customer_id, issued_at, due_at, amount_minor, credited_minor, written_off_minor, paid_minor,
        open_minor, settled_at (when the last of it came, but not before the invoice did; null while open), disputed
        (as recorded, not as of any instant: not for models), days_overdue (0 unless open and past due), bucket (null
        once settled).
        """
        order = "customer_id, due_at, issued_at, invoice_id"
        return self.query(f"SELECT * EXCLUDE (due_day) FROM ({self.items_sql()}) ORDER BY {order}")

    def open_items(self) -> pa.Table:
        """Those of the items of which something is open, in the same order."""
        order = "customer_id, due_at, issued_at, invoice_id"
        return self.query(f"SELECT * EXCLUDE (due_day) FROM ({self.items_sql()}) WHERE open_minor > 0 ORDER BY {order}")

    def unapplied(self) -> pa.Table:
        """customer_id, unapplied_minor (negative: more was given back than had come), for customers that have any.

        unbacked_minor is what settlements on record exceed the customer's known money by.
        """
        return self.query(
            "SELECT customer_id, unapplied AS unapplied_minor, unbacked AS unbacked_minor"
            f" FROM {self.books.table('unapplied')} ORDER BY customer_id"
        )

    def customers(self) -> pa.Table:
        """One row per customer with an invoice or money: balance, open and overdue amounts, buckets, use of credit.

        customer_id, balance_minor, open_minor, overdue_minor, open_BUCKET_minor, disputed_open_minor,
        oldest_overdue_days, open_items, unapplied_minor, credit_limit (currency; null: none known), credit_used_share
        (what is owed over the limit).
        """
        return self.query(f"{self.customers_sql()} ORDER BY customer_id")

    def portfolio(self) -> dict[str, int]:
        """The same amounts of all customers together, with the number of customers who owe something."""
        items = ", ".join(f"CAST(coalesce({sql}, 0) AS BIGINT) AS {name}" for name, sql in _SUMS.items())
        unapplied = f"SELECT CAST(coalesce(sum(unapplied), 0) AS BIGINT) AS unapplied_minor FROM {self.books.table('unapplied')}"
        table = self.query(
            f"SELECT open_minor - unapplied_minor AS balance_minor, * FROM (SELECT {items},"
            " count(DISTINCT customer_id) AS customers_owing"
            f" FROM ({self.items_sql()}) WHERE open_minor > 0), ({unapplied})"
        )
        row: dict[str, int] = table.to_pylist()[0]
        return row

    def query(self, sql: str) -> pa.Table:
        """The rows of a SELECT over the books."""
        return self.facts.connection.sql(sql).to_arrow_table()

    def items_sql(self) -> str:
        """SQL for the items, with the day on which they fall due."""
        return items_sql(self.books)

    def customers_sql(self) -> str:
        """SQL for the customers."""
        return _customers_sql(self)

    def close(self) -> None:
        """Free what the books occupy; they cannot be read any more."""
        forget(self.facts.connection, self.books)


def open_ledger(facts: Facts, as_of: datetime) -> Ledger:
    """Make up the books from invoices and money that had occurred and were known before ``as_of``.

    Raises AsOfError: ``as_of`` has no time zone; FactsError: there are no invoices, nothing tells of payment, or of a
    kind of payment that nobody knows.
    """
    return Ledger(facts, as_of, match(facts, cut_offs(facts, [as_of])))


def cut_offs(facts: Facts, instants: Sequence[datetime]) -> CutOffs:
    """Instants on the project's calendar.

    Raises AsOfError: one has no time zone.
    """
    for instant in instants:
        if instant.tzinfo is None:
            raise AsOfError(_NAIVE, as_of=instant)
    return CutOffs(tuple(instants), facts.project.timezone)


# --- SQL


def bucket_columns() -> tuple[str, ...]:
    """Names of the columns with the open amount of each bucket."""
    return tuple(f"open_{bucket.name}_minor" for bucket in BUCKETS)


def bucket_sql(overdue_days: str) -> str:
    """SQL: the name of the bucket of an open item that is overdue by so many days (negative: not yet due)."""
    *first, last = BUCKETS
    cases = " ".join(f"WHEN {overdue_days} <= {bucket.high} THEN '{bucket.name}'" for bucket in first)
    return f"CASE {cases} ELSE '{last.name}' END"


_BY_BUCKET = {
    column: f"sum(open_minor) FILTER (WHERE bucket = '{bucket.name}')"
    for bucket, column in zip(BUCKETS, bucket_columns(), strict=True)
}
_SUMS = {
    "open_minor": "sum(open_minor)",
    "overdue_minor": "sum(open_minor) FILTER (WHERE days_overdue > 0)",
    **_BY_BUCKET,
    "disputed_open_minor": "sum(open_minor) FILTER (WHERE disputed)",
    "oldest_overdue_days": "max(days_overdue)",
    "open_items": "count(*)",
}
"""What is summed up over open items."""


def sums_by_bucket() -> str:
    """SQL for the open amount of each bucket over items."""
    return ", ".join(f"{sql} AS {column}" for column, sql in _BY_BUCKET.items())


def items_sql(books: Books) -> str:
    """SQL for the items of books at one cut-off or several, with the day on which they fall due."""
    at = books.at
    return f"""
SELECT {at.key}invoice_id, customer_id, issued_at, due_at, amount_minor, credited AS credited_minor,
       written_off AS written_off_minor, paid AS paid_minor, rest AS open_minor,
       CASE WHEN rest = 0 THEN greatest(closed_at, issued_at) END AS settled_at, disputed,
       CASE WHEN rest > 0 THEN greatest(0, age) ELSE 0 END AS days_overdue,
       CASE WHEN rest > 0 THEN {bucket_sql("age")} END AS bucket, due_day
FROM (SELECT *, date_diff('day', due_day, {at.day}) AS age FROM ({_filled_sql(books)}){at.join_again})"""


def _filled_sql(books: Books) -> str:
    """SQL for the booked invoices with what free money changed."""
    key = books.at.key
    columns = f"{key}invoice_id, b.customer_id, issued_at, due_at, due_day, disputed, amount_minor"
    amounts, closed, join = ("credited", "paid", "written_off", "rest"), "b.closed_at", ""
    changed = ", ".join(f"b.{name}" for name in amounts)
    if books.is_retimed:
        join = f" LEFT JOIN {books.table('retimed')} r USING ({key}invoice_id)"
        closed = "coalesce(r.closed_at, b.closed_at)"
    if not books.is_plain:
        join += f" LEFT JOIN {books.table('changes')} c USING ({key}invoice_id)"
        closed = f"greatest({closed}, c.closed_at)"
        changed = ", ".join(f"b.{name} + coalesce(c.{name}, 0) AS {name}" for name in amounts)
    return f"SELECT {columns}, {changed}, {closed} AS closed_at FROM ({books.booked_sql()}) b{join}"


def _customers_sql(ledger: Ledger) -> str:
    sums = ", ".join(f"{sql} AS {name}" for name, sql in _SUMS.items())
    filled = ", ".join(f"CAST(coalesce({name}, 0) AS BIGINT) AS {name}" for name in _SUMS)
    return f"""
SELECT customer_id, open_minor - unapplied_minor AS balance_minor, * EXCLUDE (customer_id, credit_limit), credit_limit,
       greatest(0, open_minor - unapplied_minor) / nullif({MINOR_PER_CURRENCY} * credit_limit, 0) AS credit_used_share
FROM (
  SELECT customer_id, {filled}, coalesce(unapplied, 0) AS unapplied_minor
  FROM (SELECT DISTINCT customer_id FROM {ledger.books.table("joined")})
  LEFT JOIN (SELECT customer_id, {sums} FROM ({ledger.items_sql()}) WHERE open_minor > 0 GROUP BY customer_id)
  USING (customer_id)
  FULL JOIN {ledger.books.table("unapplied")} USING (customer_id)
) LEFT JOIN ({_limits_sql(ledger)}) USING (customer_id)"""


def _limits_sql(ledger: Ledger) -> str:
    """SQL for the credit limit of each customer that holds at the cut-off, as it was known then."""
    if "credit_limit" not in ledger.facts.columns.get("customers", ()):
        return "SELECT NULL::VARCHAR AS customer_id, NULL::DOUBLE AS credit_limit WHERE FALSE"
    cut_off = ledger.books.at.instant
    limit = "max(credit_limit)"
    if "valid_from" in ledger.facts.columns["customers"]:
        begins = "coalesce(valid_from, TIMESTAMP '0001-01-01 00:00:00')"
        limit = f"arg_max(credit_limit, ({begins}, credit_limit))"
    started = " AND ".join(f"coalesce({name} < {cut_off}, TRUE)" for name in ("known_at", "acquired_at", "valid_from"))
    return f"""
SELECT customer_id, {limit} AS credit_limit FROM customers
WHERE credit_limit IS NOT NULL AND {started} AND NOT coalesce(valid_to < {cut_off}, FALSE)
GROUP BY customer_id"""
