"""Colours of all customers at once: each measure against the thresholds of the customer's tier."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serving.alerts.kinds import RULES
from serving.decisions.alert_policy import TIERS, AlertPolicy, Limits

Floats = NDArray[np.float64]
Ranks = NDArray[np.int8]

UNKNOWN, CALM = -1, 0


@dataclass(frozen=True)
class Graded:
    """``ranks``: of each customer (rows) and kind (columns) 1 yellow, 2 orange, 3 red, 0 calm, -1 it cannot be judged.

    ``values``: what was measured, NaN where it cannot be judged.
    """

    customers: pd.Index
    kinds: tuple[str, ...]
    ranks: Ranks
    values: Floats


def grade(measures: pd.DataFrame, policy: AlertPolicy) -> Graded:
    """The colours. ``measures`` is indexed by customer_id, with the columns that rules measure (absent: unknown) and tier."""
    tiers = measures["tier"].to_numpy(dtype=object) if "tier" in measures else np.full(len(measures), None)
    given = policy.thresholds.given()
    columns = [_column(measures, RULES[kind].measure) for kind in given]
    ranks = [
        ranked(values, _limits([thresholds.of(tier) for tier in ("other", *TIERS)], tiers), RULES[kind].falls)
        for values, (kind, thresholds) in zip(columns, given.items(), strict=True)
    ]
    shape = (len(measures), len(given))
    return Graded(
        measures.index,
        tuple(given),
        np.column_stack(ranks).astype(np.int8) if ranks else np.empty(shape, np.int8),
        np.column_stack(columns) if columns else np.empty(shape),
    )


def ranked(values: Floats, limits: Floats, falls: bool) -> Ranks:
    """The rank of each value, shape (rows,); ``limits`` has the thresholds of yellow, orange and red, shape (rows, 3)."""
    beyond = values[:, None] <= limits if falls else values[:, None] >= limits
    return np.where(np.isnan(values), UNKNOWN, beyond.sum(axis=1)).astype(np.int8)


def _limits(by_tier: list[Limits], tiers: "NDArray[np.object_]") -> Floats:
    places = pd.Series(range(1, len(TIERS) + 1), TIERS).reindex(tiers).fillna(0).to_numpy(dtype=np.int64)
    return np.array(by_tier)[places]


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in frame else np.full(len(frame), np.nan)
