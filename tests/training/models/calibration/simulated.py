"""Log-odds with outcomes whose true probability is known."""

import numpy as np
from numpy.typing import NDArray

from training.models.calibration import sigmoid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def drawn(log_odds: Floats, true_log_odds: Floats, seed: int) -> Ints:
    """An outcome for each of the log-odds."""
    generator = np.random.default_rng([seed, 1])
    return (generator.random(len(log_odds)) < sigmoid(true_log_odds)).astype(np.int64)


def simulated(rows: int, slope: float, offset: float, seed: int = 0) -> tuple[Floats, Ints]:
    """Log-odds, and outcomes whose true log-odds are slope × log-odds + offset."""
    log_odds = np.random.default_rng(seed).normal(0, 1.5, rows)
    return log_odds, drawn(log_odds, slope * log_odds + offset, seed)
