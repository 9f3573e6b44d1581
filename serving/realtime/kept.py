"""What the batch tells of everybody together stays as it was when one customer is scored again."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

KEPT_NUMBERS = (
    *("expected_purchases", "expected_purchases_low", "expected_purchases_high"),
    *("expected_revenue", "expected_revenue_low", "expected_revenue_high"),
    *("lifetime_value", "lifetime_value_low", "lifetime_value_high", "lifetime_value_net"),
    *("value_score", "share_of_customer", "trajectory_probability", "loyalty_index", "cluster"),
    *("credit_score", "credit_probability", "late_probability"),
)
KEPT_TEXTS = ("tier", "trajectory", "credit_class", "credit_response")
KEPT_NAMES = ("tier_name", "cluster_name", "credit_response_name")
KEPT_DAYS = ("trajectory_since",)
KEPT = (*KEPT_NUMBERS, *KEPT_TEXTS, *KEPT_NAMES, *KEPT_DAYS)
"""Columns of a score that come from comparing all customers, or from models of many of their facts at once.

A customer that the batch did not know has none of them until the next batch.
"""


def kept_values(customers: Sequence[str], bodies: Mapping[str, bytes], columns: Sequence[str]) -> pd.DataFrame:
    """The ``columns`` among KEPT of scores as they were stored, one row each of ``customers``, in their order."""
    stored: list[dict[str, Any]] = [orjson.loads(bodies[c]) if c in bodies else {} for c in customers]
    return pd.DataFrame({name: _column(name, [row.get(name) for row in stored]) for name in columns}, copy=False)


def _column(name: str, values: list[Any]) -> NDArray[Any]:
    if name in KEPT_NUMBERS:
        return np.array(values, dtype=np.float64)  # None is NaN
    column = np.empty(len(values), dtype=object)
    column[:] = [value and date.fromisoformat(value) for value in values] if name in KEPT_DAYS else values
    return column
