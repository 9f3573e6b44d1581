"""When no probability is given, because it would say more than is known; each time with the reason and what ends it.

A rule stands here only if the probabilities that it withholds were measured to be worse than those that are given. Few
purchases, a short time as a customer, values beyond the range of training, missing values and wide intervals did not
pass, as long as customers alike were in training: such customers are answered like all others.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text

PURCHASES = "purchase_days_total"
SILENCE = "days_since_last_purchase"

LEAST_LOOK_ALIKES = 100
"""One-time buyers in training below which what the model says of them was measured to be worse than of the others."""

NO_LOOK_ALIKES = Text(
    "Bought once, {days} days ago, and training has seen only {seen} customers after their first purchase: too few to"
    " tell how such customers go on. A probability follows with the next purchase, or when training has seen {least}"
    " of them.",
    "仅在 {days} 天前购买过一次，而训练数据中只见过 {seen} 位刚完成首次购买的客户，不足以判断这类客户的后续走向。"
    "待其再次购买，或训练数据中这类客户达到 {least} 位后，即可给出概率。",
)


def one_time_buyers(frame: pd.DataFrame) -> int | None:
    """How many customers a training frame holds after their first purchase; None where it does not count purchases."""
    if PURCHASES not in frame:
        return None
    return int(frame.loc[frame[PURCHASES] == 1, "customer_id"].nunique())


def abstain(frame: pd.DataFrame, seen: int | None) -> pd.Series:
    """Why a customer who could have a probability gets none (Text), or None; one entry a row, with the frame's index.

    ``frame`` holds features; ``seen`` is what `one_time_buyers` said of the training.
    """
    reasons = np.full(len(frame), None, dtype=object)
    if seen is not None and seen < LEAST_LOOK_ALIKES:
        is_new = (frame[PURCHASES] == 1).to_numpy()
        days, which = np.unique(np.floor(frame.loc[is_new, SILENCE].to_numpy(dtype=np.float64)), return_inverse=True)
        reasons[is_new] = _told(days, seen)[which]
    return pd.Series(reasons, index=frame.index, dtype="object")


def _told(days: NDArray[np.float64], seen: int) -> NDArray[np.object_]:
    messages = np.empty(len(days), dtype=object)
    for place, day in enumerate(days.astype(np.int64).tolist()):
        messages[place] = NO_LOOK_ALIKES.format(days=day, seen=seen, least=LEAST_LOOK_ALIKES)
    return messages
