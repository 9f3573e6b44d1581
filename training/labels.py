"""What came true: the evidence that labels are made of, and the labels that churn models learn from."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.sources import Facts
from training.kinds import KINDS


def evidence(
    facts: Facts, cutoffs: Sequence[datetime], horizon_days: int, known_before: datetime
) -> "pd.Series[float]":
    """What the project's kind of churn looks at in [cut-off, cut-off + horizon): purchases, spend, or running contracts.

    An index of (as_of UTC, customer_id); customers of whom there is none are not in it. Days are counted on the calendar
    of the cut-offs' own time zone. Only facts known before ``known_before`` count; a cut-off whose window reaches beyond it
    has no label yet and is refused.
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
    rows = facts.connection.sql(KINDS[facts.project.churn.kind].evidence, params=parameters).df()
    index = pd.MultiIndex.from_arrays([pd.to_datetime(rows["as_of"], utc=True), rows["customer_id"]])
    return pd.Series(rows["value"].to_numpy(dtype=np.float64), index=index, name="value")


def labels(facts: Facts, frame: pd.DataFrame, cutoffs: Sequence[datetime], known_before: datetime) -> NDArray[np.int64]:
    """1 for each row of ``frame`` (snapshots at these cut-offs) whose customer has left by the project's kind, else 0."""
    churn = facts.project.churn
    found = evidence(facts, cutoffs, churn.horizon_days, known_before)
    keys = pd.MultiIndex.from_arrays([pd.to_datetime(frame["as_of"], utc=True), frame["customer_id"]])
    values = np.asarray(found.reindex(keys), dtype=np.float64)
    return KINDS[churn.kind].left(frame, values, churn).astype(np.int64)


def _naive_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
