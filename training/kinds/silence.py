"""Leaving as silence: no purchase within the horizon, asked of customers who bought recently."""

import numpy as np
import pandas as pd

from features.project import ChurnSettings
from features.text import Text
from training.kinds.kind import WINDOWS, ChurnKind, Columns, Flags, Floats

SINCE_LAST = "days_since_last_purchase"

ALONE = {
    "recency": (SINCE_LAST, 1),
    "number_of_purchases": ("purchase_days_total", -1),
    "own_rhythm": ("current_gap_ratio", 1),
}
"""What every shop can rank its customers by without a model."""


def bought_recently(frame: Columns, horizon_days: int, active_within_days: int) -> Flags:
    """Marks the customers who bought within the given days."""
    return np.asarray(frame[SINCE_LAST] <= active_within_days)


def _bought_nothing(frame: pd.DataFrame, purchases: Floats, churn: ChurnSettings) -> Flags:
    return np.isnan(purchases)


SILENCE = ChurnKind(
    name="silence",
    needs=("orders",),
    first_fact="SELECT min(ordered_at) FROM orders",
    population=(SINCE_LAST,),
    at_risk=bought_recently,
    evidence=f"""
SELECT c.as_of, o.customer_id, count(*)::DOUBLE AS value
FROM {WINDOWS} c JOIN orders o ON o.ordered_at >= c.as_of AND o.ordered_at < c.until
WHERE o.amount >= 0 AND o.known_at < $known_before
GROUP BY ALL""",
    left=_bought_nothing,
    alone=ALONE,
    lacking=Text(
        "Churn as silence is learnt from orders, and the project gives none (it gives {tables}). Add"
        " [tables.orders] to the project file.",
        "“沉默”型流失模型需要订单数据，而项目没有提供（现有 {tables}）。请在项目文件中添加 [tables.orders]。",
    ),
)
