"""Money that names its invoice goes to that invoice, whoever paid it.

What is credited comes first, then what is paid, then what is written off, none beyond the invoice's amount; the rest is
the customer's to use for other invoices (`oldest_first`). A refund that names an invoice takes back what was paid on it.
"""

from collections.abc import Sequence

from features.ledger.known import CutOffs

FILLS: tuple[tuple[str, str], ...] = (
    ("credit_note", "credited"),
    ("payment", "paid"),
    ("write_off", "written_off"),
)
"""Kinds of money, in the order in which they fill an invoice, and the column that says how far."""


def named_sql(at: CutOffs, kinds: Sequence[str], has_records: bool) -> str:
    """SQL for the money on each invoice that any money names: sums by kind, how many pieces, the last of it.

    When the last of it was known is only of interest beside records of settlement.
    """
    sums = ", ".join(f"{_sum(kind, kinds)} AS {kind}" for kind in kinds)
    last_from = ", max(paid_from) AS last_from" if has_records else ""
    return f"""
SELECT {at.key}invoice_id, count(*)::INTEGER AS pieces, {sums}, bool_or(minor < 0) AS has_refund, max(paid_at) AS last_at{last_from}
FROM money WHERE invoice_id IS NOT NULL
GROUP BY {at.key}invoice_id"""


def _sum(kind: str, kinds: Sequence[str]) -> str:
    picked = f" FILTER (WHERE kind = '{kind}')" if len(kinds) > 1 else ""
    return f"CAST(coalesce(sum(minor){picked}, 0) AS BIGINT)"


def joined_sql(at: CutOffs, kinds: Sequence[str], has_records: bool) -> str:
    """SQL for the invoices with the money that names them: all that is worth keeping, as there may be many millions."""
    sums = ", ".join(f"coalesce(n.{kind}, 0) AS {kind}" for kind in kinds)
    return f"""
SELECT {at.key}i.invoice_id, i.customer_id, i.issued_at, i.due_at, i.due_day, i.disputed, i.amount_minor,
       coalesce(n.pieces, 0) AS pieces, {sums}, n.has_refund, n.last_at{", n.last_from, i.recorded_at" if has_records else ""}
FROM known_invoices i LEFT JOIN named n USING ({at.key}invoice_id)
WHERE i.amount_minor > 0"""


def booked_sql(joined: str, kinds: Sequence[str], has_records: bool) -> str:
    """SQL for the invoices with what fills them by reference or by a record of their settlement.

    ``excess_KIND`` is what did not fit (negative: more was taken back than was there). ``recorded`` is what a record
    settles beyond the money that names the invoice. ``closed_at`` is when the last of it came; the record's own instant
    where the record was known before the money was. ``is_retimed``: of several pieces not all were needed, so that
    when the invoice was filled takes a closer look.
    """
    fills, room = [], "amount_minor"
    for kind, column in FILLS:
        filled = f"greatest(0, least({room}, {kind}))" if kind in kinds else "0::BIGINT"
        fills.append(f"{filled} AS {column}")
        room = f"{room} - {column}" if kind in kinds else room
    excess = ", ".join(f"{kind} - {column} AS excess_{kind}" for kind, column in FILLS if kind in kinds)
    recorded, by_money = "0::BIGINT", "TRUE"
    if has_records:
        recorded = f"CASE WHEN recorded_at IS NOT NULL THEN {room} ELSE 0 END"
        by_money = "(recorded_at IS NULL OR coalesce(room = 0 AND last_from < recorded_at, FALSE))"
    return f"""
SELECT * EXCLUDE (paid, room), {excess}, paid + recorded AS paid, room - recorded AS rest,
       {"recorded_at IS NOT NULL" if has_records else "FALSE"} AS is_recorded,
       CASE WHEN {by_money} THEN last_at {"ELSE recorded_at " if has_records else ""}END AS closed_at,
       room = 0 AND pieces > 1 AND ({" + ".join(kinds)} > amount_minor OR has_refund) AND {by_money} AS is_retimed
FROM (SELECT *, {", ".join(fills)}, {room} AS room, {recorded} AS recorded FROM {joined})"""


def retimed_sql(at: CutOffs) -> str:
    """SQL for when invoices that saw more money than they needed, or refunds, were filled for the last time."""
    return f"""
SELECT {at.key}invoice_id, max(paid_at) FILTER (WHERE upto >= amount_minor AND upto - minor < amount_minor) AS closed_at
FROM (
  SELECT {at.key}m.invoice_id, m.paid_at, m.minor, b.amount_minor,
         sum(m.minor) OVER (PARTITION BY {at.key}m.invoice_id ORDER BY m.paid_at, m.minor DESC ROWS UNBOUNDED PRECEDING) AS upto
  FROM money m JOIN booked b USING ({at.key}invoice_id) WHERE b.is_retimed
)
GROUP BY {at.key}invoice_id"""
