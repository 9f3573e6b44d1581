"""Following the level without looking ahead: what outcomes that came in since the training say of it.

A model that was fitted a horizon ago meets customers whose outcomes it could not learn from, but that are complete by
now. How far its level was off for them is half of what is to be expected next: levels drift, and they also swing back
(the other half is what the interval is widened by).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.models.calibration import Calibrator, sigmoid

Floats = NDArray[np.float64]

FOLLOWED_SHARE = 0.5
NEWTON_STEPS = 50
LONGEST_STEP = 1.0
ARRIVED = 1e-9


@dataclass(frozen=True)
class LevelShift:
    """How far the level was off: ``log_odds`` to be added so that the mean probability is the observed share.

    ``standard_error`` is that of ``log_odds`` for ``customers`` independent customers, in log-odds.
    """

    log_odds: float
    standard_error: float
    customers: int


def level_shift(calibrator: Calibrator, log_odds: Floats, churned: NDArray[np.int64]) -> LevelShift:
    """The shift at the latest cut-off whose outcomes are complete, one row a customer, both of shape (rows,).

    The model must not have learnt from the cut-off: on rows that it knows, the shift is one of its fit and misleads.
    Raises ValueError: one of the two outcomes does not occur.

    >>> half = Calibrator.line(1.0, 0.0)
    >>> shift = level_shift(half, np.zeros(4), np.array([1, 1, 1, 0]))
    >>> round(shift.log_odds, 3), round(shift.standard_error, 3)
    (1.099, 1.155)
    """
    if not 0 < churned.sum() < len(churned):
        raise ValueError("a shift of the level needs customers who left and customers who stayed")
    level = calibrator.slope * log_odds + calibrator.offset
    shift = 0.0
    for _ in range(NEWTON_STEPS):
        p = sigmoid(level + shift)
        step = float(np.clip((churned - p).sum() / (p * (1 - p)).sum(), -LONGEST_STEP, LONGEST_STEP))
        shift += step
        if abs(step) < ARRIVED:
            break
    p = sigmoid(level + shift)
    return LevelShift(shift, float(1 / np.sqrt((p * (1 - p)).sum())), len(churned))


def following(calibrator: Calibrator, shift: LevelShift) -> Calibrator:
    """The calibrator with its level moved by half of the shift, and its interval widened by the half not taken.

    The widening is that of a normal distribution whose standard deviation joins the shift's own error with the half
    that was not followed.
    """
    spread = float(np.hypot(shift.standard_error, (1 - FOLLOWED_SHARE) * shift.log_odds))
    return calibrator.shifted(FOLLOWED_SHARE * shift.log_odds, spread)
