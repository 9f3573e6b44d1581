"""When, in sentences: the median with its interval, or that it lies beyond what can be seen."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.text import Text
from training.models.timing.curves import SurvivalCurves

Floats = NDArray[np.float64]

ACTIONS = {
    "silence": Text("order again", "再次下单"),
    "contract": Text("end the contract", "终止合同"),
}
"""What the customer does, by kind of churn."""

EVENTS = {
    "silence": Text("Ordering again", "再次下单"),
    "contract": Text("The end of the contract", "合同终止"),
}

WHOLE = Text(
    "Expected to {action} in about {median} (80 %: {low}–{high}).",
    "预计约 {median}后{action}（80% 区间：{low}–{high}）。",
)
OPEN = Text(
    "Expected to {action} in about {median} (80 %: from {low} to beyond the {end} that can be seen).",
    "预计约 {median}后{action}（80% 区间：{low}至可预见的 {end}以后）。",
)
LATE = Text(
    "Probably will not {action} within {end} (chance of 10 % within {low}).",
    "{end}内多半不会{action}（{low}内的概率为 10%）。",
)
UNSEEN = Text("{event} cannot be seen within {end}.", "{end}内看不到{event}的迹象。")


def timing_sentence(kind: str, median_days: float, low_days: float, high_days: float, end_days: float) -> Text:
    """One sentence on one customer; NaN stands for beyond ``end_days``. Days are rounded.

    >>> timing_sentence("silence", 12.3, 4.2, 39.8, 180).en
    'Expected to order again in about 12 days (80 %: 4–40 days).'
    >>> timing_sentence("silence", math.nan, math.nan, math.nan, 180).zh
    '180 天内看不到再次下单的迹象。'
    """
    end = _days(end_days)
    if math.isnan(low_days):
        return UNSEEN.format(event=EVENTS[kind], end=end)
    if math.isnan(median_days):
        return LATE.format(action=ACTIONS[kind], low=_days(max(low_days, 1)), end=end)
    median = _days(max(median_days, 1))
    if math.isnan(high_days):
        return OPEN.format(action=ACTIONS[kind], median=median, low=_days(low_days), end=end)
    return WHOLE.format(action=ACTIONS[kind], median=median, low=f"{low_days:.0f}", high=_days(high_days))


def timing_sentences(kind: str, curves: SurvivalCurves) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The sentences of all rows in English and Chinese, each of shape (rows,); each distinct one is written once."""
    low, high = curves.interval_days()
    rounded = np.round(np.column_stack([curves.median_days(), low, high]))
    distinct, place = np.unique(np.nan_to_num(rounded, nan=-1.0), axis=0, return_inverse=True)
    numbers = np.where(distinct < 0, np.nan, distinct).tolist()
    texts = [timing_sentence(kind, median, early, late, curves.end_days) for median, early, late in numbers]
    english, chinese = (np.array([t.of(language) for t in texts], dtype=object) for language in ("en", "zh"))
    return english[place], chinese[place]


@lru_cache(maxsize=10_000)
def _days(days: float) -> Text:
    """Whole days with their unit."""
    return Text("1 day", "1 天") if round(days) == 1 else Text("{n} days", "{n} 天").format(n=round(days))
