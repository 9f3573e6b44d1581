"""Leaving in part: the spend of the horizon falls below a share of what the same customer usually spends in that time."""

import numpy as np
import pandas as pd

from features.project import ChurnSettings
from features.text import Text
from training.kinds.kind import WINDOWS, ChurnKind, Columns, Flags, Floats
from training.kinds.silence import ALONE, SINCE_LAST, bought_recently

YEAR_DAYS = 365
SPEND = "spend_365d"
KNOWN_DAYS = "days_since_first_purchase"


def usual_spend(frame: pd.DataFrame, horizon_days: int) -> Floats:
    """What each customer spends in so many days by the habit of its last year, net of returns, in currency.

    A customer known for less than a year is judged by the time that it is known, but by no less than one horizon.
    """
    days = np.clip(frame[KNOWN_DAYS].to_numpy(dtype=np.float64), min(horizon_days, YEAR_DAYS), YEAR_DAYS)
    return np.asarray(frame[SPEND].to_numpy(dtype=np.float64) * horizon_days / days, dtype=np.float64)


def _has_a_habit(frame: Columns, horizon_days: int, active_within_days: int) -> Flags:
    known_long: Flags = np.asarray(frame[KNOWN_DAYS] >= horizon_days)
    has_spent: Flags = np.asarray(frame[SPEND] > 0)
    return bought_recently(frame, horizon_days, active_within_days) & known_long & has_spent


def _spent_little(frame: pd.DataFrame, spend: Floats, churn: ChurnSettings) -> Flags:
    return np.asarray(np.nan_to_num(spend) < churn.decline_share * usual_spend(frame, churn.horizon_days))


DECLINE = ChurnKind(
    name="decline",
    needs=("orders",),
    first_fact="SELECT min(ordered_at) FROM orders",
    population=(SINCE_LAST, KNOWN_DAYS, SPEND),
    at_risk=_has_a_habit,
    # Sums of whole numbers do not depend on the order in which threads add them up.
    evidence=f"""
SELECT c.as_of, o.customer_id, sum(round(1E4 * o.amount)) / 1E4 AS value
FROM {WINDOWS} c JOIN orders o ON o.ordered_at >= c.as_of AND o.ordered_at < c.until
WHERE o.known_at < $known_before
GROUP BY ALL""",
    left=_spent_little,
    alone=ALONE,
    lacking=Text(
        "Churn as decline is learnt from orders, and the project gives none (it gives {tables}). Add"
        " [tables.orders] to the project file.",
        "“下降”型流失模型需要订单数据，而项目没有提供（现有 {tables}）。请在项目文件中添加 [tables.orders]。",
    ),
)
