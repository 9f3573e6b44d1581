"""Facts that were entered later than they are dated: they stand behind later ones in the file, or have higher numbers.

Where no arrival clock is mapped, the order in which rows were written is the only trace of when they became known. It
is evidence only if the table is otherwise written in the order of time; where it is not, nothing is concluded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from features.contracts import KNOWN_AT, TABLES
from features.readers import quoted
from features.sources import Facts
from features.text import Text

TOLERATED_DAYS = 7
"""A fact may be written so many days after one with a later date before it counts as entered late."""

LARGEST_SHARE = 0.2
"""With more late rows than this the order of writing is not that of time, and says nothing."""

LEAST_ROWS = 50
MOST_ROWS = 200_000
NUMBERS: dict[str, str] = {"orders": "order_id", "invoices": "invoice_id"}
"""Ids that systems give out in order."""


@dataclass(frozen=True)
class LateEntries:
    """The rows of a table that were entered late.

    ``entries`` are the ``rows`` that were looked at, none if none of them is late: customer_id, ``kind`` (of an interaction, else empty), ``dated`` (the time
    that the row bears) and ``entered_after`` (it was not written before that; null where it was written in time), both UTC
    and naive. ``order`` says in words by what the order of writing is known.
    """

    table: str
    order: Text
    rows: int
    late_rows: int
    entries: pa.Table


def late_entries(facts: Facts, as_of: datetime) -> tuple[list[LateEntries], list[str]]:
    """The late rows of each table that is otherwise written in the order of time, and the tables that are not.

    Facts from ``as_of`` on are left out; of large tables, the rows of some customers are looked at.
    """
    found: dict[str, LateEntries] = {}
    silent = []
    for name in facts.readings:
        sequences = [_late(facts, name, sequence, as_of) for sequence in _sequences(facts, name)]
        known = [late for late in sequences if late is not None]
        if known:
            found[name] = max(known, key=lambda late: late.late_rows)
        elif sequences:
            silent.append(name)
    return list(found.values()), silent


@dataclass(frozen=True)
class _Sequence:
    """SQL for the columns that tell where a row was written, and for the place that ``written`` gives it."""

    order: Text
    columns: str
    place: str


def _sequences(facts: Facts, table: str) -> Iterator[_Sequence]:
    """What may tell the order in which the rows of a table were written."""
    if TABLES[table].entity != "customer_id" or TABLES[table].occurred_at not in facts.columns[table]:
        return
    yield _Sequence(Text("in the file", "在文件中"), '"#file" AS part, "#row" AS written', "written")
    number = NUMBERS.get(table)
    if number in facts.columns[table]:
        order = Text("by {column}", "按 {column}").format(column=number)
        digits = "TRY_CAST(regexp_replace(written, '[^0-9]', '', 'g') AS HUGEINT)"
        yield _Sequence(order, f"0 AS part, {quoted(str(number))} AS written", digits)


def _late(facts: Facts, table: str, sequence: _Sequence, as_of: datetime) -> LateEntries | None:
    """The late rows by one sequence; None where it is not that of time."""
    reading, connection = facts.readings[table], facts.connection
    clocks = [c for c in (KNOWN_AT.name, TABLES[table].occurred_at) if c in reading.mapped]
    dated = f"coalesce({', '.join(quoted(str(c)) for c in clocks)})"
    kind = "lower(kind)" if "kind" in reading.mapped else "''"
    share = min(1.0, MOST_ROWS / max(reading.accepted, 1))
    picked = f" AND hash(customer_id) % 10000 < {10_000 * share:.0f}" if share < 1 else ""
    before = (
        "max(dated) OVER (PARTITION BY part ORDER BY place, dated ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
    # materialized, or the database would look for digits in all rows before it picks some
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE leakage_order AS WITH picked AS MATERIALIZED ("
        f"SELECT customer_id, {kind} AS kind, {dated} AS dated, {sequence.columns}"
        f' FROM memory.source.{quoted(table)} WHERE "#problem" = 0{picked}) '
        f"SELECT *, {before} AS entered_after FROM (SELECT *, {sequence.place} AS place FROM picked)"
        " WHERE dated < $as_of AND place IS NOT NULL",
        {"as_of": as_of.astimezone(UTC).replace(tzinfo=None)},
    )
    try:
        late = f"entered_after > dated + INTERVAL {TOLERATED_DAYS} DAY"
        of_rows, number = connection.execute(
            f"SELECT count(*), count(*) FILTER ({late}) FROM leakage_order"
        ).fetchall()[0]
        if of_rows < LEAST_ROWS or number > LARGEST_SHARE * of_rows:
            return None
        entries = f"SELECT customer_id, kind, dated, CASE WHEN {late} THEN entered_after END AS entered_after"
        rows = connection.sql(f"{entries} FROM leakage_order {'' if number else 'LIMIT 0'}").to_arrow_table()
        return LateEntries(table, sequence.order, int(of_rows), int(number), rows)
    finally:
        connection.execute("DROP TABLE leakage_order")
