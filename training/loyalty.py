"""Loyalty (忠诚度) from what the facts support: each measure as it is, its place among the customers, and their mean.

What loyalty is made of is taken from the practice: buying again, breadth, buying without a discount, tolerance after a
complaint, deciding quickly, staying long. A measure that the facts do not give, or that a customer does not have yet, is
left out and said to be; it is never taken for a low one.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text

Floats = NDArray[np.float64]

LEAST_MEASURES = 2
"""An index of fewer measures would be one feature under another name."""


@dataclass(frozen=True)
class Measure:
    """A side of loyalty: the feature that shows it, and whether more of it is more loyalty."""

    column: str
    more_is_loyal: bool
    title: Text


MEASURES: tuple[Measure, ...] = (
    Measure("repeat_purchase_share", True, Text("buys again within 90 days", "90 天内再次购买")),
    Measure("categories_365d", True, Text("breadth of the assortment", "购买品类广度")),
    Measure("discount_share_365d", False, Text("buys without a discount", "不依赖折扣")),
    Measure("bought_since_last_complaint", True, Text("buys on after a complaint", "投诉后仍购买")),
    Measure("days_acquired_to_first_purchase", False, Text("decided quickly", "决策时间短")),
    Measure("days_since_first_purchase", True, Text("length of the relationship", "合作时长")),
    Measure("gap_variation", False, Text("regular orders", "订单规律")),
)
"""The measures of a loyalty index. Share of customer and referrals join them when the facts tell of them."""


def loyalty(frame: pd.DataFrame) -> pd.DataFrame:
    """The loyalty index of each customer and what it is made of, under the frame's index.

    ``frame`` is a snapshot, one row a customer. Columns: ``loyalty_index`` (0 to 100; 50: the middle of the customers; NaN
    for fewer than two measures or who never bought), ``measures`` (how many are known), and for each measure that the
    frame has ``place_COLUMN`` (0 to 1): the share of the others who are less loyal in it, ties counted half.
    """
    bought = _column(frame, "days_since_first_purchase")
    places = {
        f"place_{measure.column}": _places(
            np.where(np.isfinite(bought), _column(frame, measure.column), np.nan), measure.more_is_loyal
        )
        for measure in MEASURES
        if measure.column in frame
    }
    table = pd.DataFrame(places, index=frame.index, dtype="float64")
    known = table.notna().sum(axis=1)
    index = (100 * table.mean(axis=1)).where(known >= LEAST_MEASURES)
    return pd.concat([index.rename("loyalty_index"), known.rename("measures"), table], axis=1)


def _places(values: Floats, more_is_loyal: bool) -> Floats:
    """The share of the other known values below each (above, where less is loyal), ties counted half; NaN if alone."""
    known = np.isfinite(values)
    sorted_ = np.sort(values[known] if more_is_loyal else -values[known])
    asked = values if more_is_loyal else -values
    below, up_to = np.searchsorted(sorted_, asked, "left"), np.searchsorted(sorted_, asked, "right")
    others = len(sorted_) - 1
    place = (below + (up_to - below - 1) / 2) / max(others, 1)
    return np.where(known & (others > 0), place, np.nan)


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in frame else np.full(len(frame), np.nan)
