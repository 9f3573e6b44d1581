"""Ageing over time: what was open in each bucket at the ends of the last months, as the books said then."""

from datetime import datetime, time, timedelta

import pyarrow as pa

from features.ledger.ledger import bucket_columns, cut_offs, items_sql, sums_by_bucket
from features.ledger.matching import forget, match
from features.sources import Facts


def ageing_over_time(facts: Facts, as_of: datetime, months: int = 12) -> pa.Table:
    """The portfolio's open amounts by bucket at the last month ends up to ``as_of``, matched together in one pass.

    A row is what `open_ledger` says at the midnight that ends the month, so nothing in it was learnt later.
    Returns: month_end (date, the last day of the month), open_BUCKET_minor, open_minor, unapplied_minor, balance_minor;
    in order of time.
    Raises AsOfError and FactsError as `open_ledger` does.
    """
    at = cut_offs(facts, month_ends(cut_offs(facts, [as_of]).instants[0].astimezone(facts.project.timezone), months))
    days = ", ".join(f"({n}, DATE '{instant.date() - timedelta(days=1)}')" for n, instant in enumerate(at.instants))
    number = "cut_off" if at.key else "0"
    books = match(facts, at)
    columns = ", ".join(f"CAST(coalesce({name}, 0) AS BIGINT) AS {name}" for name in (*bucket_columns(), "open_minor"))
    sql = f"""
SELECT *, open_minor - unapplied_minor AS balance_minor
FROM (
  SELECT month_end, {columns}, CAST(coalesce(unapplied_minor, 0) AS BIGINT) AS unapplied_minor
  FROM (VALUES {days}) AS months(cut_off, month_end)
  LEFT JOIN (
    SELECT {number} AS cut_off, {sums_by_bucket()}, sum(open_minor) AS open_minor FROM ({items_sql(books)}) GROUP BY 1
  ) USING (cut_off)
  LEFT JOIN (
    SELECT {number} AS cut_off, sum(unapplied) AS unapplied_minor FROM {books.table("unapplied")} GROUP BY 1
  ) USING (cut_off)
) ORDER BY month_end"""
    try:
        return facts.connection.sql(sql).to_arrow_table()
    finally:
        forget(facts.connection, books)


def month_ends(as_of: datetime, months: int) -> list[datetime]:
    """The midnights that end the last ``months`` months which are over at ``as_of``, on its own clock, in order."""
    number = 12 * as_of.year + as_of.month - 1
    firsts = [divmod(n, 12) for n in range(number - months + 1, number + 1)]
    return [datetime.combine(datetime(year, month + 1, 1).date(), time(), as_of.tzinfo) for year, month in firsts]
