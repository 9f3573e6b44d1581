"""Customers whose next purchase is known to come at a random time around their own rhythm."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.durations import Durations

FEATURES = ("days_since_last_purchase", "purchase_days_total", "gap_mean_days", "spend_365d")
SHAPE = 4
"""Of the gamma distribution of gaps: their standard deviation is half their mean."""


def rhythmic(rows: int, seed: int = 0) -> tuple[pd.DataFrame, Durations]:
    """Rows of four cut-offs followed for 40 to 130 days; gaps are gamma distributed, a fifth never comes back."""
    generator = np.random.default_rng(seed)
    mean_gap = generator.choice([10.0, 20.0, 40.0], rows)
    silent = mean_gap * generator.uniform(0, 0.5, rows)
    gap = generator.gamma(SHAPE, mean_gap / SHAPE)
    while (short := gap <= silent).any():
        gap[short] = generator.gamma(SHAPE, mean_gap[short] / SHAPE)
    waiting = np.where(generator.random(rows) < 0.2, np.inf, gap - silent)
    cutoffs = np.repeat(pd.date_range("2025-01-01", periods=4, freq="30D", tz="UTC"), rows // 4)
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{i % (rows // 2):05}" for i in range(rows)],
            "as_of": cutoffs,
            "days_since_last_purchase": silent,
            "purchase_days_total": generator.poisson(5, rows) + 2.0,
            "gap_mean_days": np.where(generator.random(rows) < 0.1, np.nan, mean_gap),
            "spend_365d": generator.gamma(2, 300, rows),
        }
    )
    followed = np.repeat([130.0, 100.0, 70.0, 40.0], rows // 4)
    return frame, seen(waiting, followed)


def seen(waiting: NDArray[np.float64], followed: NDArray[np.float64]) -> Durations:
    """What is seen of waiting times when each row is followed for so many days."""
    return Durations(np.minimum(waiting, followed), waiting < followed, followed)
