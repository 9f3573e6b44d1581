"""When no probability is given, because it would say more than is known; each time with the reason and what ends it.

A rule stands here only if the probabilities that it withholds were measured to be worse than those that are given. Few
purchases, a short time as a customer, values beyond the range of training and missing values did not pass, as long as
customers alike were in training: such customers are answered like all others.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.text import Text
from training.dataset import RECENCY, check_enough

Floats = NDArray[np.float64]

PURCHASES = "purchase_days_total"

LEAST_LOOK_ALIKES = 100
"""One-time buyers in training below which what the model says of them was measured to be worse than of the others."""

WIDEST_INTERVAL = 0.5
"""Width of the 95 % interval above which it says hardly more than that anything may happen."""

NO_LOOK_ALIKES = Text(
    "Bought once, {days} days ago, and training has seen only {seen} customers after their first purchase: too few to"
    " tell how such customers go on. A probability follows with the next purchase, or when training has seen {least}"
    " of them.",
    "仅在 {days} 天前购买过一次，而训练数据中只见过 {seen} 位刚完成首次购买的客户，不足以判断这类客户的后续走向。"
    "待其再次购买，或训练数据中这类客户达到 {least} 位后，即可给出概率。",
)
TOO_UNCERTAIN = Text(
    "The probability may lie anywhere from {low}% to {high}%: too uncertain to say. The range narrows when the model is"
    " trained on more customers and over a longer time.",
    "概率可能在 {low}% 到 {high}% 之间的任何位置，不确定性过大，无法判断。用更多客户、更长时间的数据训练后，该范围会收窄。",
)


@dataclass(frozen=True)
class LookAlikes:
    """How many customers training has seen in a state in which there is little to tell them by."""

    one_time_buyers: int

    @classmethod
    def seen(cls, frame: pd.DataFrame) -> Self:
        """Count them in a training frame: rows of customers at cut-offs, with their features."""
        return cls(int(frame.loc[frame[PURCHASES] == 1, "customer_id"].nunique()))


def why_not_learnt(frame: pd.DataFrame, horizon_days: int) -> Text | None:
    """Why nobody at all gets a probability: too few customers who left or stayed in a labelled frame; else None."""
    try:
        check_enough(frame, horizon_days)
    except NotEnoughDataError as refusal:
        return refusal.text
    return None


def abstain(frame: pd.DataFrame, look_alikes: LookAlikes, interval: tuple[Floats, Floats]) -> pd.Series:
    """Why a customer gets no probability (Text), or None: one entry for each row of ``frame``, with its index.

    ``frame`` holds features, ``interval`` the ends of each row's interval, NaN where there is no probability anyway.
    """
    low, high = interval
    reasons = np.full(len(frame), None, dtype=object)
    is_wide = np.nan_to_num(high - low) > WIDEST_INTERVAL
    percent = np.round(100 * np.column_stack([low, high])[is_wide])
    reasons[is_wide] = _told(TOO_UNCERTAIN, ("low", "high"), percent)
    if look_alikes.one_time_buyers < LEAST_LOOK_ALIKES:
        is_new = (frame[PURCHASES] == 1).to_numpy() & ~np.isnan(low)
        days = np.floor(frame.loc[is_new, [RECENCY]].to_numpy(dtype=np.float64))
        text = NO_LOOK_ALIKES.format(days="{days}", seen=look_alikes.one_time_buyers, least=LEAST_LOOK_ALIKES)
        reasons[is_new] = _told(text, ("days",), days)
    return pd.Series(reasons, index=frame.index, dtype="object")


def _told(text: Text, names: tuple[str, ...], numbers: Floats) -> NDArray[np.object_]:
    """The text with each row's numbers, of shape (rows, names); written once for each distinct row."""
    distinct, which = np.unique(numbers, axis=0, return_inverse=True)
    messages = np.empty(len(distinct), dtype=object)
    for place, row in enumerate(distinct.astype(np.int64).tolist()):
        messages[place] = text.format(**dict(zip(names, row, strict=True)))
    return np.asarray(messages[which.reshape(-1)], dtype=object)
