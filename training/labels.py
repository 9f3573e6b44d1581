"""What came true: the labels that churn models learn from."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from features.errors import ProjectError
from features.sources import Facts
from features.text import Text

_BOUGHT_AGAIN = """
SELECT DISTINCT c.as_of, o.customer_id
FROM (SELECT unnest($cutoffs::TIMESTAMP[]) AS as_of, unnest($ends::TIMESTAMP[]) AS until) c
JOIN orders o ON o.ordered_at >= c.as_of AND o.ordered_at < c.until
WHERE o.amount >= 0 AND o.known_at < $known_before
"""


def silence_labels(
    facts: Facts, cutoffs: Sequence[datetime], horizon_days: int, known_before: datetime
) -> "pd.Series[bool]":
    """Who bought again in [cut-off, cut-off + horizon): an index of (as_of UTC, customer_id), all True.

    Everybody else stayed silent. Days are counted on the calendar of the cut-offs' own time zone. Only facts known before
    ``known_before`` count; a cut-off whose window reaches beyond it has no label yet and is refused.
    Raises ValueError: a window is not complete.
    """
    ends = [cutoff + timedelta(days=horizon_days) for cutoff in cutoffs]
    if max(ends) > known_before:
        raise ValueError("a label window reaches beyond what is known")
    parameters = {
        "cutoffs": [_naive_utc(cutoff) for cutoff in cutoffs],
        "ends": [_naive_utc(end) for end in ends],
        "known_before": _naive_utc(known_before),
    }
    rows = facts.connection.sql(_BOUGHT_AGAIN, params=parameters).df()
    index = pd.MultiIndex.from_arrays([pd.to_datetime(rows["as_of"], utc=True), rows["customer_id"]])
    return pd.Series(True, index=index, name="bought")


def _naive_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def refuse_other_kinds(kind: str) -> None:
    """Raise ProjectError unless churn means silence: the other kinds have no training job in this release."""
    if kind != "silence":
        raise ProjectError(
            Text(
                "[churn] kind = '{kind}' cannot be trained in this release; use kind = 'silence' (no purchase within the"
                " horizon), which needs the table orders.",
                "本版本尚不能训练 [churn] kind = '{kind}'；请使用 kind = 'silence'（预测期内没有购买），需要 orders 数据表。",
            ),
            kind=kind,
        )
