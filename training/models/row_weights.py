"""How much each row counts in a fit."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def recency_weights(frame: pd.DataFrame, half_life_days: float | None) -> Floats | None:
    """The weight of each row, shape (rows,): 1 at the latest cut-off, half of it ``half_life_days`` before.

    None, that is equal weights, without a half-life.
    """
    if half_life_days is None:
        return None
    days = (frame["as_of"].max() - frame["as_of"]) / pd.Timedelta(days=1)
    return np.asarray(0.5 ** (days / half_life_days), dtype=np.float64)
