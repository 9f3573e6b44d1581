"""Money that names no known invoice goes to the customer's oldest open ones: by due day, then issue, then id.

Books are made up anew at each cut-off from all that is known by then, as an interval overlap of two running sums: a
customer's open amounts, oldest first, against its free money. So neither the order of rows nor that in which facts
became known matters. It is not remembered which invoice money was on in earlier books: an invoice that came later but
falls due earlier takes it from one that falls due later. What the customer owes is the same either way. Money that came
before an invoice waits for it. Free money is what names no known invoice, what
was too much on one, and credit notes among the invoices; refunds lower it, last money first. When they take more than
there is they reopen what was paid last; what is still left then makes the unapplied money negative.

A record that says an invoice was settled, without money that names the invoice, uses free money first: it was that
money. Only what exceeds it counts as money that nobody entered (``unbacked``).
"""

from collections.abc import Sequence

from features.ledger.known import CutOffs

SORTED_BY_AGE = "due_day, issued_at, invoice_id"


def free_sql(at: CutOffs, kinds: Sequence[str], all_found: bool = False) -> str:
    """SQL for the pieces of free money: customer, when it came, of which kind, how much.

    ``all_found``: all money that names an invoice has found it, so that nobody need look for what has not.
    """
    same = " AND b.cut_off = m.cut_off" if at.key else ""
    unknown = "" if all_found else f" OR NOT EXISTS (FROM booked b WHERE b.invoice_id = m.invoice_id{same})"
    excess = "".join(
        f"""
UNION ALL
SELECT {at.key}customer_id, closed_at, '{kind}', excess_{kind} FROM booked WHERE excess_{kind} <> 0"""
        for kind in kinds
    )
    return f"""
SELECT {at.key}customer_id, paid_at AS came_at, kind, minor FROM money m
WHERE invoice_id IS NULL{unknown}
UNION ALL
SELECT {at.key}customer_id, issued_at, 'credit_note', -amount_minor FROM known_invoices WHERE amount_minor < 0{excess}"""


def pools_sql(at: CutOffs) -> str:
    """SQL for each customer's free money.

    ``net`` is all of it, of which ``drained`` pays for settlements on record, and ``unbacked`` is what those lack.
    ``left_over`` goes to open items: as credit notes up to ``credit_end``, written off up to ``write_off_end``, then paid.
    """
    return f"""
SELECT *, greatest(0, least(credit, left_over)) AS credit_end,
       greatest(credit_end, least(credit_end + written, left_over)) AS write_off_end
FROM (
  SELECT {at.key}customer_id, net, credit, written, drained, claimed - drained AS unbacked, net - drained AS left_over
  FROM (
    SELECT {at.key}customer_id, coalesce(net, 0) AS net, coalesce(credit, 0) AS credit, coalesce(written, 0) AS written,
           coalesce(claimed, 0) AS claimed, greatest(0, least(coalesce(net, 0), coalesce(claimed, 0))) AS drained
    FROM (
      SELECT {at.key}customer_id, CAST(sum(minor) AS BIGINT) AS net,
             CAST(sum(minor) FILTER (WHERE kind = 'credit_note') AS BIGINT) AS credit,
             CAST(sum(minor) FILTER (WHERE kind = 'write_off') AS BIGINT) AS written
      FROM free_money GROUP BY {at.key}customer_id
    ) FULL JOIN (
      SELECT {at.key}customer_id, CAST(sum(recorded) AS BIGINT) AS claimed FROM booked WHERE recorded > 0
      GROUP BY {at.key}customer_id
    ) USING ({at.key}customer_id)
  )
)"""


def covered_sql(at: CutOffs) -> str:
    """SQL for the open items that free money covers: by how much, split by kind, and when a whole one was covered."""
    parts = f"PARTITION BY {at.key}customer_id"
    same = "c.cut_off = t.cut_off AND " if at.key else ""
    number = "c.cut_off, " if at.key else ""
    return f"""
SELECT {at.key}invoice_id, customer_id, {_overlap("0", "credit_end")} AS credited,
       {_overlap("write_off_end", "left_over")} AS paid, {_overlap("credit_end", "write_off_end")} AS written_off,
       -covered AS rest, CASE WHEN covered = open THEN came_at END AS closed_at
FROM (
  SELECT {number}c.invoice_id, c.customer_id, before, open, covered, credit_end, write_off_end, left_over, t.came_at
  FROM (
    SELECT *, least(left_over - before, open) AS covered, drained + before + open AS needed
    FROM (
      SELECT {at.key}invoice_id, customer_id, rest AS open, left_over, drained, credit_end, write_off_end,
             CAST(sum(rest) OVER ({parts} ORDER BY {SORTED_BY_AGE} ROWS UNBOUNDED PRECEDING) AS BIGINT) - rest AS before
      FROM booked JOIN pools USING ({at.key}customer_id) WHERE rest > 0 AND left_over > 0
    ) WHERE left_over > before
  ) AS c
  ASOF LEFT JOIN (
    SELECT {at.key}customer_id, came_at,
           CAST(sum(minor) OVER ({parts} ORDER BY came_at, minor DESC ROWS UNBOUNDED PRECEDING) AS BIGINT) AS upto
    FROM free_money WHERE minor > 0
  ) AS t ON {same}c.customer_id = t.customer_id AND c.needed <= t.upto
)"""


def _overlap(low: str, high: str) -> str:
    """SQL: how much of what an item is covered by lies between two places of the customer's free money."""
    return f"greatest(0, least(before + covered, {high}) - greatest(before, {low}))"


def reopened_sql(at: CutOffs) -> str:
    """SQL for the items that refunds reopen, the last paid first: by how much. What a record settled stays settled."""
    order = "closed_at DESC, due_day DESC, invoice_id DESC"
    return f"""
SELECT {at.key}invoice_id, customer_id, 0::BIGINT AS credited, -back AS paid, 0::BIGINT AS written_off, back AS rest,
       NULL::TIMESTAMP AS closed_at
FROM (
  SELECT {at.key}invoice_id, customer_id, least(paid, -left_over - before) AS back
  FROM (
    SELECT {at.key}invoice_id, customer_id, paid, left_over,
           CAST(sum(paid) OVER (PARTITION BY {at.key}customer_id ORDER BY {order} ROWS UNBOUNDED PRECEDING) AS BIGINT) - paid
             AS before
    FROM booked JOIN pools USING ({at.key}customer_id) WHERE left_over < 0 AND paid > 0 AND NOT is_recorded
  ) WHERE before < -left_over
)"""


def unapplied_sql(at: CutOffs) -> str:
    """SQL for each customer's money that is on no invoice (negative: more was given back than had come)."""
    return f"""
SELECT {at.key}customer_id, left_over + coalesce(rest, 0) AS unapplied, unbacked
FROM pools LEFT JOIN (
  SELECT {at.key}customer_id, CAST(sum(rest) AS BIGINT) AS rest FROM changes GROUP BY {at.key}customer_id
) USING ({at.key}customer_id)
WHERE left_over + coalesce(rest, 0) <> 0 OR unbacked <> 0"""
