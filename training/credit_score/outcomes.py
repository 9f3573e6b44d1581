"""What came true: who let an invoice grow old within the horizon, of those who had one to pay."""

from collections.abc import Sequence
from datetime import date, datetime

import pandas as pd
import pyarrow as pa

from features.catalogue import Feature
from features.snapshot import snapshot_batches
from features.sources import Facts
from training.dataset import LABEL, MOST_ROWS, drawn
from training.late_payment.bills import BILLS

EXPOSED = "exposed_amount"

# An invoice is bad on the day on which it is overdue by more than the days allowed. One that falls due so near the
# end of the window that this day lies behind it says nothing yet.
_OUTCOMES = f"""
SELECT c.cutoff, b.customer_id, sum(b.amount) AS {EXPOSED},
       max(CASE WHEN b.settled_day IS NULL OR b.settled_day > b.due_day + $overdue_days THEN 1 ELSE 0 END) AS {LABEL}
FROM (SELECT unnest($cutoffs) AS cutoff) c
JOIN {BILLS} b ON b.due_day + $overdue_days >= c.cutoff AND b.due_day + $overdue_days < c.cutoff + $horizon_days
GROUP BY ALL"""


def labelled_rows(
    facts: Facts, cutoffs: Sequence[datetime], features: Sequence[Feature], horizon_days: int, overdue_days: int
) -> pd.DataFrame:
    """One row for each customer and cut-off at which an invoice could grow ``overdue_days`` old within the horizon.

    Columns: customer_id, as_of, the features (float64), churned (1: one did; the name is that of every label here) and
    exposed_amount (currency), in order of cut-off and customer. `training.late_payment.bills.bills` must be open, of what
    is known at the end of the last window or later.
    """
    frame = _snapshots(facts, cutoffs, features)
    days = {_day(facts, cutoff): pd.Timestamp(cutoff).tz_convert("UTC") for cutoff in cutoffs}
    asked = {"cutoffs": list(days), "horizon_days": horizon_days, "overdue_days": overdue_days}
    found = facts.connection.execute(_OUTCOMES, asked).df()
    found["as_of"] = found["cutoff"].map({pd.Timestamp(day): instant for day, instant in days.items()})
    rows = frame.merge(found.drop(columns="cutoff"), on=["customer_id", "as_of"])
    ordered: pd.DataFrame = rows.sort_values(["as_of", "customer_id"], ignore_index=True)
    return ordered


def _snapshots(facts: Facts, cutoffs: Sequence[datetime], features: Sequence[Feature]) -> pd.DataFrame:
    """Of a company with more customers x cut-offs than are learnt from, those of a part of the customers."""
    [(customers,)] = facts.connection.sql(f"SELECT approx_count_distinct(customer_id) FROM {BILLS}").fetchall()
    share = MOST_ROWS / max(1, customers * len(cutoffs))
    batches = [drawn(batch, share) for batch in snapshot_batches(facts, cutoffs, features=features)]
    frame: pd.DataFrame = pa.Table.from_batches(batches).to_pandas()
    return frame


def _day(facts: Facts, instant: datetime) -> date:
    return instant.astimezone(facts.project.timezone).date()
